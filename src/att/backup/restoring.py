"""Restores a backup: everything is read, checked and unpacked first, then exchanged in a moment, then proved."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from att.backup import decision, reading
from att.backup.decision import Here, Phase, Resume
from att.backup.ports import Appliance
from att.backup.reading import Contents, Tell
from att.backup.recovery_key import RecoveryKey
from att.backup.schema import Resumed
from att.backup.staging import Staging
from att.backup.switching import Switch
from att.kernel.errors import AttError, Failed, Refused


@dataclass
class Restoring:
    """A restore on one machine, whose caller holds the locks."""

    staging: Staging
    appliance: Appliance
    tell: Tell
    before_effect: Callable[[str], None] = field(default=lambda _: None)

    @property
    def _switch(self) -> Switch:
        return Switch(self.staging.folders, self.before_effect)

    def check(self, fd: int, key: RecoveryKey) -> Contents:
        """Read all of the file and return what it holds, or refuse it; nothing is touched.

        Refused(backup_too_new) for a release or a schema above this one's, disk_full for what does not fit.
        """
        manifest = reading.manifest_of(fd, key)
        here = Here(self.staging.facts.product.compatible, self.appliance.release, self.appliance.head())
        if refused := decision.refusal(manifest, here):
            raise Refused(refused.code, refused.detail)
        contents = reading.read(fd, key, tell=lambda _step, percent: self._say("checking", percent))
        self.staging.demand_space(contents)
        return contents

    def restore(self, fd: int, key: RecoveryKey) -> None:
        """Take in what `check` accepted. Failed(restore_failed) where it does not run: then all is as it was."""
        switch = self._switch
        self.before_effect("stand by")
        self.appliance.stand_by()
        try:
            self.staging.fill(fd, key, self._say)
        except BaseException:
            switch.sweep()
            raise
        try:
            self._say("stopping the services", None)
            self.before_effect("hold")
            self.appliance.hold()
            switch.begin(self.staging.moves())
            switch.forward()
        except (AttError, OSError) as error:
            self._undo()
            raise _told(error) from error
        self._prove(held=True)

    def resume(self, *, held: bool, proves: bool) -> Resumed:
        """End what a process that is gone left; `held` when it left the services held, too.

        Only who `proves` may wait for the services to run; others leave that to a process of its own, for the services
        wait for them.
        """
        switch = self._switch
        act = decision.resume(switch.phase, staged=switch.staged)
        if act is Resume.PROVE and proves:
            try:
                self._prove(held=held)
            except AttError as error:
                if switch.phase is not None:
                    raise
                return Resumed(outcome="reverted", problem=error.detail)
            return Resumed(outcome="finished")
        if act is Resume.PROVE:
            self.before_effect("stand by")
            self.appliance.stand_by()
        if act is Resume.REVERT:
            if held or self.appliance.serving():
                # Again: who died may have stopped a part of them.
                held = True
                self.before_effect("hold")
                self.appliance.hold()
            switch.back()
        outcome = _outcome(act, switch.phase)
        if act in (Resume.REVERT, Resume.SWEEP):
            switch.sweep()
        if held:
            self._start()
        return Resumed(outcome=outcome)

    def _say(self, step: str, percent: float | None) -> None:
        """Tell who follows; where the terminal is gone, the restore goes on, and above all the way back."""
        with contextlib.suppress(OSError):
            self.tell(step, percent)

    def _prove(self, *, held: bool) -> None:
        """Keep what is in its place if it runs; Failed(restore_failed) where it does not, and all is as it was."""
        try:
            if held:
                self._start()
            self._say("waiting until it runs", None)
            self.before_effect("prove")
            if trouble := self.appliance.prove():
                raise Failed("restore_failed", f"cannot restore: what was restored does not run: {trouble}")
            self._switch.keep()
        except (AttError, OSError) as error:
            self._undo()
            raise _told(error) from error
        self._switch.sweep()

    def _start(self) -> None:
        self._say("starting the services", None)
        self.appliance.settle()
        self.before_effect("let go")
        self.appliance.let_go()

    def _undo(self) -> None:
        """Bring back what was live, whatever of it was moved, and start it."""
        self._say("putting back what was there", None)
        switch = self._switch
        if switch.phase is not None:
            switch.give_up()
            self.appliance.hold()
            switch.back()
        switch.sweep()
        self._start()


def _outcome(act: Resume, phase: Phase | None) -> Literal["nothing", "reverted", "finished", "proving"]:
    if act is Resume.NOTHING:
        return "nothing"
    if act is Resume.PROVE:
        return "proving"
    return "finished" if phase is Phase.PROVED else "reverted"


def _told(error: AttError | OSError) -> AttError:
    return error if isinstance(error, AttError) else Failed("restore_failed", f"cannot restore: {error}")
