"""`nat serve` of a project by itself, without ATT: what its start under ATT is measured against."""

import os
import socket
import subprocess
import time
from pathlib import Path

import httpx

from att.appliance import facts
from att.nat.place import nat_python
from att_nat.package import read_package

CONFIG = "configs/config.yml"
START_SECONDS = 300.0
_LOOK_SECONDS = 0.02


def seconds_to_healthy(project: Path, folder: Path) -> float:
    """Serve the project, in an empty `folder` of its own for what NAT writes, until it says that it is healthy."""
    command = [str(nat_python(facts()).with_name("nat")), "serve", "--config_file", CONFIG, "--host", "127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": os.pathsep.join(map(str, _installed(project, folder))),
        "NAT_TELEMETRY_ENABLED": "false",
    }
    began = time.monotonic()
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=project,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,  # as ATT's apps are: the kernel shares time out among sessions
        ) as process,
    ):
        try:
            while not _healthy(port):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < began + START_SECONDS, (folder / "log").read_text()
                time.sleep(_LOOK_SECONDS)
            return time.monotonic() - began
        finally:
            process.kill()


def _installed(project: Path, folder: Path) -> tuple[Path, Path]:
    """Return the paths that make the project's package importable and known to NAT, as an installation would."""
    package = read_package(project)
    assert package is not None
    described = folder / f"{package.name.replace('-', '_')}-{package.version}.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n")
    sections = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in package.entry_points.items()
    ]
    (described / "entry_points.txt").write_text("\n".join(sections))
    return folder, package.source


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
