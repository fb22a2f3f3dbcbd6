"""Describes, tries, keeps and reverts the network of the machine, the site's proxy and its authorities with it.

A trial is a file in memory (/run), armed with a timer before it is written: a reboot, a dead ATT or nobody's word undo
it. Keeping it is one rename of the same file on the disk. Beside it lies a drop-in that lets the way out reach the
proxy: on its own it does nothing, so it comes before that rename, and what is left of one too many goes with the next.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from att.appliance import Facts
from att.config.turns import folder_turn
from att.effects.filesystem import write_atomically
from att.kernel.errors import Conflict, Failed, InvalidInput, NotFound
from att.machine.network.authorities import certificates_of, now, shown
from att.machine.network.decision import (
    Change,
    admits,
    admitted,
    authority_warnings,
    changed,
    deadline_of,
    interface_of,
    problems,
    render,
    site_described,
    warnings,
)
from att.machine.network.ports import Links
from att.machine.network.schema import Network, NetworkShown, Wanted
from att.site.decision import LoginGiven, Proxy, Site, proxy_address_problem, proxy_of, site_of
from att.site.kept import KEPT_FILE, TRIAL_FILE, site_at

TRIAL_SECONDS = 120.0
ADMITTED_TRIAL_FILE = "run/systemd/system/att-egress.service.d/50-att-proxy-trial.conf"
ADMITTED_FILE = "etc/systemd/system/att-egress.service.d/50-att-proxy.conf"
DESCRIPTION = "network.json"


def refuse_login(proxy: str | None) -> None:
    """Raise InvalidInput("proxy_login") for a proxy whose address holds one: the file of the network is everybody's."""
    try:
        proxy_of(proxy or "")
    except LoginGiven:
        raise InvalidInput("proxy_login", "cannot use the proxy: its address holds a login", field="proxy") from None
    except ValueError:
        return  # what else is wrong is told with all the rest


class NetworkService:
    """The network of one appliance."""

    def __init__(self, facts: Facts, links: Links, clock: Callable[[], datetime] = now) -> None:
        self._links = links
        self._clock = clock
        self._root = facts.root
        self._description = facts.paths.config.with_name(DESCRIPTION)
        self._trial = facts.root / TRIAL_FILE
        self._kept = facts.root / KEPT_FILE
        self._admitted_trial = facts.root / ADMITTED_TRIAL_FILE
        self._admitted = facts.root / ADMITTED_FILE

    def show(self) -> NetworkShown:
        """Return what is wanted, what holds, and what the machine has."""
        wanted, trial = self._wanted(), _text(self._trial)
        deadline = deadline_of(trial) if trial else None
        kept = wanted is not None and _text(self._kept) == render(wanted)
        site = self._site()
        trusted = certificates_of(site.authorities)
        warned = [*(warnings(wanted) if wanted else ()), *authority_warnings(trusted, self._clock())]
        return NetworkShown(
            wanted=_known(wanted) if wanted else None,
            in_force="trial" if trial else "kept" if self._kept.exists() else "default",
            kept=kept,
            seconds_left=None if deadline is None else max(0, round(deadline - self._links.since_boot())),
            addresses=self._links.addresses(),
            proxy=site.proxy.url if site.proxy else None,
            no_proxy=list(site.no_proxy),
            authorities=shown(trusted),
            warnings=warned,
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

    def set(self, change: Change) -> NetworkShown:
        """Change the description; nothing else changes until it is applied.

        Raises InvalidInput("network_invalid", "proxy_login").
        """
        refuse_login(change.proxy)
        with self._locked():
            wanted = changed(self._wanted(), change)
            found = list(problems(wanted))
            if found:
                reasons = "; ".join(reason for _, reason in found)
                raise InvalidInput("network_invalid", f"cannot set the network: {reasons}", field=found[0][0])
            # Without what is not said, so that a release from before it was known reads the rest.
            data = wanted.model_dump_json(indent=2, exclude_defaults=True).encode() + b"\n"
            write_atomically(self._description, data, mode=0o644)
        return self.show()

    def apply(self, seconds: float = TRIAL_SECONDS) -> NetworkShown:
        """Try what is wanted for `seconds`; without `confirm` it is as before then, and after a reboot.

        Raises NotFound("network_unset"), Conflict("network_on_trial"), Failed("network_failed").
        """
        wanted = self._wanted()
        if wanted is None:
            raise NotFound("network_unset", "cannot apply the network: none is described")
        before = self._site().authorities
        with self._locked():
            if self._trial.exists():
                raise Conflict("network_on_trial", "cannot apply the network: the former trial is not over")
            self._links.finish()
            interface = wanted.interface or ""
            why = self._links.arm(interface, seconds)
            if why:
                raise Failed("network_failed", f"cannot apply the network: no timer would take it back: {why}")
            deadline = self._links.since_boot() + seconds
            _write(self._trial, render(wanted, deadline))
            # The proxy's name may be known to the name servers alone that are set just now.
            why = self._links.reload(interface) or self._admit(site_described(wanted).proxy)
            if why:
                self._undo(interface)
                raise Failed("network_failed", f"cannot apply the network: {why}; it is as before")
        found = self.show()
        if before == wanted.authorities:
            return found
        running = "what runs of apps, tests and terminals trusts whom it trusted: start it again"
        return found.model_copy(update={"warnings": [*found.warnings, running]})

    def confirm(self) -> NetworkShown:
        """Keep the network that is on trial, also over reboots. Raises Conflict("network_not_on_trial")."""
        with self._locked():
            trial = self._on_trial("confirm")
            lines = [line for line in trial.splitlines(keepends=True) if deadline_of(line) is None]
            self._demand_admitted(trial)
            former, following = (admitted(_text(path)) for path in (self._admitted, self._admitted_trial))
            self._keep_admitted([*former, *following])
            _write(self._kept, "".join(lines))
            self._keep_admitted(following)
            self._undo(interface_of(trial), units=bool(former or following))
        return self.show()

    def revert(self) -> NetworkShown:
        """End a trial at once. Raises Conflict("network_not_on_trial")."""
        with self._locked():
            self._undo(interface_of(self._on_trial("revert")))
        return self.show()

    def _admit(self, proxy: Proxy | None) -> str:
        """Have the kernel let the way out reach the proxy where it is now; return why that failed, else empty."""
        if proxy is None:
            return ""
        addresses = self._links.find(proxy.host)
        if not addresses:
            return f"nobody knows where the proxy {proxy.host} is"
        why = next(filter(None, map(proxy_address_problem, addresses)), "")
        if why:
            return why
        _write(self._admitted_trial, admits(addresses))
        return self._links.admit()

    def _demand_admitted(self, trial: str) -> None:
        """Have the proxy of a trial reachable also where its `apply` was cut before it had done that."""
        why = "" if self._admitted_trial.exists() else self._admit(site_of(trial).proxy)
        if why:
            raise Failed("network_failed", f"cannot confirm the network: {why}; it is still on trial")

    def _keep_admitted(self, addresses: list[str]) -> None:
        if addresses:
            _write(self._admitted, admits(addresses))
        else:
            self._admitted.unlink(missing_ok=True)

    def _undo(self, interface: str, *, units: bool = False) -> None:
        """Take the trial's files away, then its timer: whatever is cut in between, the timer does again.

        `units`: the drop-in that is kept was changed. One that is there may have been kept by a `confirm` that was cut
        before it was taken up.
        """
        units = units or self._admitted_trial.exists() or self._admitted.exists()
        self._trial.unlink(missing_ok=True)
        self._admitted_trial.unlink(missing_ok=True)
        why = self._links.reload(interface) or (self._links.admit() if units else "")
        if why:
            raise Failed("network_failed", f"cannot set the network: {why}; the timer tries it again")
        self._links.disarm()

    def _on_trial(self, what: str) -> str:
        trial = _text(self._trial)
        if not trial:
            raise Conflict("network_not_on_trial", f"cannot {what} the network: none is on trial")
        return trial

    def _site(self) -> Site:
        try:
            return site_at(self._root)
        except ValueError as error:
            raise InvalidInput("network_invalid", f"cannot read what holds of the network: {error}") from error

    def _wanted(self) -> Network | None:
        text = _text(self._description)
        if not text:
            return None
        try:
            found = Network.model_validate_json(text)
            site_described(found)
        except ValueError as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            hint = "mend the file, or remove it and describe the whole network again: attctl network set --help"
            raise InvalidInput("network_invalid", f"cannot read {self._description}: {why}", hint=hint) from error
        return found

    def _locked(self) -> AbstractContextManager[None]:
        return folder_turn(self._description.parent, "change the network")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> None:
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True)
        # Services that are not root read it, whatever the umask of the operator is.
        path.parent.chmod(0o755)
    write_atomically(path, text.encode(), mode=0o644)


def _known(wanted: Network) -> Wanted:
    known = shown(certificates_of(wanted.authorities))
    return Wanted.model_validate({**wanted.model_dump(), "authorities": known})
