"""The interfaces as systemd-networkd manages them. What takes a trial back is shell alone: it needs no release."""

import json
import socket
import time
from pathlib import Path

from att.appliance import Facts
from att.effects.processes import run
from att.machine.network.service import ADMITTED_FILE, ADMITTED_TRIAL_FILE
from att.site.kept import TRIAL_FILE

TOOL_SECONDS = 30.0
UNIT = "att-network-revert"
ETHERNET = "1"
FIND_SECONDS = 15.0
_PAUSE_SECONDS = 0.5
_REVERT = """
rm -f "$1"; networkctl reload; [ -z "$2" ] || networkctl reconfigure "$2"
if [ -e "$3" ] || [ -e "$4" ]; then rm -f "$3"; systemctl daemon-reload; fi
echo "nobody confirmed the network"
"""


class Networkd:
    """The network of this machine."""

    def __init__(self, facts: Facts) -> None:
        self._net = facts.root / "sys/class/net"
        self._trial = facts.root / TRIAL_FILE
        self._admitted = [str(facts.root / name) for name in (ADMITTED_TRIAL_FILE, ADMITTED_FILE)]

    def wired(self) -> list[str]:
        """See `Links`: what has a device behind it; in a container, where nothing has, every Ethernet link."""
        links = [link for link in sorted(self._net.glob("*")) if _kind(link) == ETHERNET]
        return [link.name for link in links if (link / "device").exists()] or [link.name for link in links]

    def addresses(self) -> list[str]:
        """See `Links`."""
        done = run(["ip", "-j", "address", "show", "scope", "global"], timeout_seconds=TOOL_SECONDS)
        return [
            f"{link['ifname']} {entry['local']}/{entry['prefixlen']}"
            for link in (json.loads(done.output or "[]") if done.ok else [])
            for entry in link.get("addr_info", [])
            if "local" in entry
        ]

    def since_boot(self) -> float:
        """See `Links`."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def arm(self, interface: str, seconds: float) -> str:
        """See `Links`."""
        shell = ["/bin/sh", "-c", _REVERT, "revert", str(self._trial), interface, *self._admitted]
        timer = (f"--unit={UNIT}", f"--on-active={seconds:.0f}", "--timer-property=AccuracySec=1s")
        command = ["systemd-run", "--quiet", "--service-type=oneshot", *timer]
        done = run([*command, "--", *shell], timeout_seconds=TOOL_SECONDS)
        return "" if done.ok else done.errors.strip()

    def finish(self) -> None:
        """See `Links`; it is one shot, so that it has ended when this returns."""
        run(["systemctl", "start", f"{UNIT}.service"], timeout_seconds=2 * TOOL_SECONDS)
        self.disarm()

    def disarm(self) -> None:
        """See `Links`."""
        run(["systemctl", "stop", f"{UNIT}.timer"], timeout_seconds=TOOL_SECONDS)
        run(["systemctl", "reset-failed", f"{UNIT}.service"], timeout_seconds=TOOL_SECONDS)

    def reload(self, interface: str) -> str:
        """See `Links`."""
        commands = [["networkctl", "reload"], *([["networkctl", "reconfigure", interface]] if interface else [])]
        return next(filter(None, map(_failure, commands)), "")

    def find(self, host: str) -> list[str]:
        """See `Links`."""
        deadline = time.monotonic() + FIND_SECONDS
        while True:
            try:
                found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
                return list(dict.fromkeys(str(at[0]) for _, _, _, _, at in found))
            except OSError:
                if time.monotonic() >= deadline:
                    return []
            time.sleep(_PAUSE_SECONDS)

    def admit(self) -> str:
        """See `Links`."""
        return _failure(["systemctl", "daemon-reload"])


def _failure(command: list[str]) -> str:
    done = run(command, timeout_seconds=TOOL_SECONDS)
    return "" if done.ok else done.errors.strip() or f"{' '.join(command)} ended with {done.code}"


def _kind(link: Path) -> str:
    try:
        return (link / "type").read_text(encoding="ascii").strip()
    except OSError:
        return ""
