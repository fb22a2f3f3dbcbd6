"""Describes, tries, keeps and reverts the network of the machine.

A trial is a file in memory (/run), armed with a timer before it is written: a reboot, a dead ATT or nobody's word undo
it. Keeping it is one rename of the same file on the disk.
"""

from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import ValidationError

from att.appliance import Facts
from att.config.turns import folder_turn
from att.effects.filesystem import write_atomically
from att.kernel.errors import Conflict, Failed, InvalidInput, NotFound
from att.machine.network.decision import deadline_of, problems, render, warnings
from att.machine.network.ports import Links
from att.machine.network.schema import Network, NetworkShown

TRIAL_SECONDS = 120.0
TRIAL_FILE = "run/systemd/network/04-att-trial.network"
KEPT_FILE = "etc/systemd/network/05-att.network"
DESCRIPTION = "network.json"


class NetworkService:
    """The network of one appliance."""

    def __init__(self, facts: Facts, links: Links) -> None:
        self._links = links
        self._description = facts.paths.config.with_name(DESCRIPTION)
        self._trial = facts.root / TRIAL_FILE
        self._kept = facts.root / KEPT_FILE

    def show(self) -> NetworkShown:
        """Return what is wanted, what holds, and what the machine has."""
        wanted, trial = self._wanted(), _text(self._trial)
        deadline = deadline_of(trial) if trial else None
        kept = wanted is not None and _text(self._kept) == render(wanted)
        return NetworkShown(
            wanted=wanted,
            in_force="trial" if trial else "kept" if self._kept.exists() else "default",
            kept=kept,
            seconds_left=None if deadline is None else max(0, round(deadline - self._links.since_boot())),
            addresses=self._links.addresses(),
            warnings=list(warnings(wanted)) if wanted else [],
        )

    def interface(self, given: str | None) -> str:
        """Return the interface that is meant; InvalidInput when it is not there, or when there are several."""
        wired = self._links.wired()
        if given in wired:
            return str(given)
        if given is None and len(wired) == 1:
            return wired[0]
        known = ", ".join(wired) or "none"
        what = f"there is no wired interface {given}" if given else "say which interface"
        raise InvalidInput("network_invalid", f"cannot set the network: {what}; wired are {known}", field="interface")

    def set(self, wanted: Network) -> NetworkShown:
        """Write the description down; nothing changes until it is applied. Raises InvalidInput("network_invalid")."""
        found = list(problems(wanted))
        if found:
            reasons = "; ".join(reason for _, reason in found)
            raise InvalidInput("network_invalid", f"cannot set the network: {reasons}", field=found[0][0])
        with self._locked():
            data = wanted.model_dump_json(indent=2).encode() + b"\n"
            write_atomically(self._description, data, mode=0o644)
        return self.show()

    def apply(self, seconds: float = TRIAL_SECONDS) -> NetworkShown:
        """Try what is wanted for `seconds`; without `confirm` it is as before then, and after a reboot.

        Raises NotFound("network_unset"), Conflict("network_on_trial"), Failed("network_failed").
        """
        wanted = self._wanted()
        if wanted is None:
            raise NotFound("network_unset", "cannot apply the network: none is described")
        with self._locked():
            if self._trial.exists():
                raise Conflict("network_on_trial", "cannot apply the network: the former trial is not over")
            self._links.disarm()
            why = self._links.arm(wanted.interface, seconds)
            if why:
                raise Failed("network_failed", f"cannot apply the network: no timer would take it back: {why}")
            self._trial.parent.mkdir(parents=True, exist_ok=True)
            deadline = self._links.since_boot() + seconds
            write_atomically(self._trial, render(wanted, deadline).encode(), mode=0o644)
            why = self._links.reload(wanted.interface)
            if why:
                self._undo(wanted.interface)
                raise Failed("network_failed", f"cannot apply the network: {why}; it is as before")
        return self.show()

    def confirm(self) -> NetworkShown:
        """Keep the network that is on trial, also over reboots. Raises Conflict("network_not_on_trial")."""
        with self._locked():
            trial = self._on_trial("confirm")
            lines = [line for line in trial.splitlines(keepends=True) if deadline_of(line) is None]
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._kept, "".join(lines).encode(), mode=0o644)
            self._undo(_interface_of(trial))
        return self.show()

    def revert(self) -> NetworkShown:
        """End a trial at once. Raises Conflict("network_not_on_trial")."""
        with self._locked():
            self._undo(_interface_of(self._on_trial("revert")))
        return self.show()

    def _undo(self, interface: str) -> None:
        """Take the trial's file away, then its timer: whatever is cut in between, the timer does again."""
        self._trial.unlink(missing_ok=True)
        why = self._links.reload(interface)
        if why:
            raise Failed("network_failed", f"cannot set the network: {why}; the timer tries it again")
        self._links.disarm()

    def _on_trial(self, what: str) -> str:
        trial = _text(self._trial)
        if not trial:
            raise Conflict("network_not_on_trial", f"cannot {what} the network: none is on trial")
        return trial

    def _wanted(self) -> Network | None:
        text = _text(self._description)
        if not text:
            return None
        try:
            return Network.model_validate_json(text)
        except ValidationError as error:
            raise InvalidInput(
                "network_invalid", f"cannot read {self._description}: {error.errors()[0]['msg']}"
            ) from error

    def _locked(self) -> AbstractContextManager[None]:
        return folder_turn(self._description.parent, "change the network")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _interface_of(text: str) -> str:
    return next(line.partition("=")[2] for line in text.splitlines() if line.startswith("Name="))
