"""Runs the new release's self-test in a sandbox: no network, no writes, a user of its own, a deadline."""

import base64
import os
from pathlib import Path

from att.effects.processes import Finished, run

_SANDBOX = (
    "DynamicUser=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes",
    "PrivateNetwork=yes", "PrivateIPC=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "RestrictNamespaces=yes",
    "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "LockPersonality=yes", "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectControlGroups=yes", "ProtectClock=yes",
    "ProtectHostname=yes", "ProtectProc=invisible", "RestrictAddressFamilies=AF_UNIX", "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service", "SystemCallErrorNumber=EPERM", "MemoryDenyWriteExecute=yes", "UMask=0077",
    "InaccessiblePaths=-/etc/att -/var/lib/att -/var/log/att -/run/att", "Slice=att.slice",
)  # fmt: skip
_SAID_CHARS = 800


class SandboxedSelfTests:
    """The real one; without root (in tests) a plain process."""

    def run(self, release: Path, journal: bytes, seconds: float) -> str | None:
        """See `SelfTests`."""
        command = [
            str(release / "venv" / "bin" / "python"),
            "-P",
            "-B",
            "-m",
            "att.entrypoints.selftest",
            "--self-test",
        ]
        if os.geteuid() == 0:
            limits = [f"--property={one}" for one in (*_SANDBOX, f"RuntimeMaxSec={seconds:.0f}")]
            shut_in = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec"]
            command = [*shut_in, "--unit=att-selftest", *limits, "--", *command]
        return _verdict(run(command, timeout_seconds=seconds + 10, input_text=base64.b64encode(journal).decode()))


def _verdict(done: Finished) -> str | None:
    if done.ok:
        return None
    if done.timed_out:
        return "it did not end in time"
    return (done.errors.strip() or done.output.strip() or f"it ended with {done.code}")[-_SAID_CHARS:]
