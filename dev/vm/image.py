"""Builds the appliance's image: base disk, bundle, Packer, compression, checksum; reused while nothing changed."""

import json
import os
import re
import shlex
import string
import subprocess
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.vm import accelerator, basedisk
from dev.vm.guest import make_key
from dev.vm.places import ARTIFACTS, ROOT, cache, digest_of, files_of, sha256_of
from dev.vm.step import VmError, appliance_step, output_of, run, say

if TYPE_CHECKING:
    from dev.bundle.identity import Identity

_PACKER = ROOT / "packer"
_TREE = ("appliance", "provision", "schemas")
_INPUTS = (
    "appliance",
    "provision",
    "packer",
    "systemd",
    "src",
    "upgrade",
    "schemas",
    "templates",
    "docs/guide",
    "locks/runtime.txt",
)
_BUILD_SECONDS_MAX = 3600
_DEFAULT_DISK_MIB = 8192
_SCRUBBED = "APPLIANCE_STEP:scrub:OK:"
_PACKER_PREFIX = re.compile(r"^\s*(==>|   )?\s*qemu\.att:\s?")


@dataclass(frozen=True)
class Image:
    """A finished image: its disk, the bundle in it with its version, and the digest of what it was built from."""

    disk: Path
    bundle: Path
    version: str
    inputs: str


def inputs_digest(base: Path | str) -> str:
    """Digest of all that decides an image's content, whatever its version is called."""
    from dev.bundle.identity import lean

    inputs = (*_INPUTS, "pyproject.toml", *([] if lean() else ["locks/nat.txt"]))
    files = [file for file in files_of(*inputs) if "/tests/" not in str(file)]
    return digest_of(files, str(base), str(_DEFAULT_DISK_MIB))


def image(*, reuse: bool = True) -> Image:
    """Gives the image of this checkout; built unless `artifacts/` holds one of the same inputs."""
    base, checksum = _base()
    inputs = inputs_digest(checksum)
    known = latest()
    if reuse and known is not None and known.inputs == inputs:
        say(f"reusing {known.disk.relative_to(ROOT)}: nothing it is made of has changed")
        return known
    return _build(base, checksum, inputs)


def latest() -> Image | None:
    """The image built last, None when there is none or its files are gone."""
    try:
        known = json.loads((ARTIFACTS / "image.json").read_text())
        found = Image(ARTIFACTS / known["disk"], ARTIFACTS / known["bundle"]["file"], known["version"], known["inputs"])
    except (OSError, ValueError, KeyError):
        return None
    return found if found.disk.exists() and found.bundle.exists() else None


def _base() -> tuple[str, str]:
    """The base disk to start from and its checksum: ATT_BASE_IMAGE with ATT_BASE_IMAGE_CHECKSUM, else our own."""
    given = os.environ.get("ATT_BASE_IMAGE")
    if given:
        checksum = os.environ.get("ATT_BASE_IMAGE_CHECKSUM", "")
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", checksum):
            raise VmError("cannot use ATT_BASE_IMAGE: ATT_BASE_IMAGE_CHECKSUM must be sha256: and 64 hex digits")
        return given, checksum
    disk = basedisk.base_disk()
    return str(disk), f"sha256:{sha256_of(disk)}"


def _build(base: str, checksum: str, inputs: str) -> Image:
    from dev.vm.bill import bill_of_image

    ARTIFACTS.mkdir(exist_ok=True)
    bundle, identity, trust = _bundle()
    version = identity.version
    disk = ARTIFACTS / f"att-{version}.qcow2"
    with tempfile.TemporaryDirectory(prefix="image-", dir=cache()) as folder:
        work = Path(folder)
        key = work / "key"
        payload = _payload(work / "payload", bundle, identity.commit, trust, make_key(key))
        made = _run_packer(work, base, checksum, version, payload, key)
        with appliance_step("compress", disk) as step:
            _compress(made, disk)
            step.notes = f"{disk.stat().st_size >> 20} MB"
        sbom = disk.with_suffix(".image.sbom.json")
        release = bundle.with_suffix(".sbom.json").read_bytes()
        installed = (work / "packer.packages.tsv").read_text()
        sbom.write_bytes(bill_of_image(release, installed, version=version, time=identity.time))
    with appliance_step("checksum", f"{disk}.sha256") as step:
        digest = sha256_of(disk)
        Path(f"{disk}.sha256").write_text(f"{digest}  {disk.name}\n")
        _write_manifest(disk, version, digest, inputs, bundle, checksum, sbom)
        step.notes = digest
    return Image(disk, bundle, version, inputs)


def _bundle() -> tuple[Path, "Identity", str]:
    """Builds the bundle; gives its path, what it is a build of, and the public half of its key, as PEM."""
    from dev.bundle.__main__ import build, signing_key
    from dev.bundle.identity import CannotBuild, identify

    release = os.environ.get("ATT_RELEASE") == "1"
    try:
        key = signing_key(release=release)
        identity = identify(ROOT, release=release)
        bundle = build(identity, key, ARTIFACTS)
    except CannotBuild as error:
        raise VmError(str(error)) from error
    return bundle, identity, output_of(["openssl", "pkey", "-in", key, "-pubout"])


def _payload(folder: Path, bundle: Path, commit: str, trust: str, public_key: str) -> list[Path]:
    """Lays out what the guest finds on the build's seed disk."""
    from dev.bundle.identity import CannotBuild
    from dev.bundle.seed import SEED, seed

    folder.mkdir()
    try:
        seed(ROOT, commit, folder / SEED)
    except CannotBuild as error:
        raise VmError(str(error)) from error
    template = string.Template((_PACKER / "seed" / "user-data.yaml").read_text())
    (folder / "user-data").write_text(template.substitute(authorized_key=json.dumps(public_key)))
    (folder / "meta-data").write_text((_PACKER / "seed" / "meta-data.yaml").read_text())
    (folder / "trust.pem").write_text(trust)
    os.link(bundle, folder / "bundle.attb") if _same_device(bundle, folder) else _copy(bundle, folder / "bundle.attb")
    with tarfile.open(folder / "tree.tar", "w") as tree:
        for file in files_of(*_TREE):
            tree.add(file, arcname=str(file.relative_to(ROOT)), recursive=False)
    return sorted(folder.iterdir())


def _same_device(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def _copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def _run_packer(work: Path, base: str, checksum: str, version: str, payload: list[Path], key: Path) -> Path:
    chosen = accelerator.chosen(Path(base)) if Path(base).exists() else os.environ.get("ATT_QEMU_ACCEL", "tcg")
    variables = {
        "version": version,
        "base_image": base,
        "base_image_checksum": checksum,
        "accelerator": chosen,
        "cpu_model": "host" if chosen == accelerator.KVM else "max",
        "disk_size": f"{os.environ.get('ATT_DISK_MIB', _DEFAULT_DISK_MIB)}M",
        "payload": json.dumps([str(file) for file in payload]),
        "ssh_private_key_file": str(key),
        "output_directory": str(work / "packer"),
    }
    command = ["packer", "build", "-color=false"]
    command += [f"-var={name}={value}" for name, value in variables.items()]
    log = ARTIFACTS / f"packer-{time.strftime('%Y%m%dT%H%M%S')}.log"
    environment = {"PACKER_CACHE_DIR": str(work / "cache"), "CHECKPOINT_DISABLE": "1", "TMPDIR": str(work)}
    serial = work / "packer.serial.log"
    with appliance_step("packer", log) as step:
        try:
            _follow([*command, str(_PACKER / "att-qemu.pkr.hcl")], log, environment)
        finally:
            console = serial.read_text(errors="replace") if serial.exists() else ""
            with log.open("a") as kept:
                kept.write("\n--- serial console of the build machine\n" + console)
        demand_scrubbed(console, log)
        step.notes = f"accelerator {chosen}"
    return work / "packer" / "att.qcow2"


def demand_scrubbed(console: str, log: Path) -> None:
    """Raise VmError unless the build machine said, as the last it did, that it forgot its keys, users and logs."""
    if _SCRUBBED not in console:
        raise VmError("cannot give the image out: the build machine did not forget its keys and logs", f"see {log}")


def _follow(command: list[str], log: Path, environment: dict[str, str]) -> None:
    """Runs Packer, all output into the log; the steps' own lines are shown as they come."""
    deadline = time.monotonic() + _BUILD_SECONDS_MAX
    say(f"packer's log is {log.relative_to(ROOT)}")
    with (
        log.open("w") as kept,
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        ) as process,
    ):
        kept.write(shlex.join(command) + "\n")
        for line in process.stdout or ():
            kept.write(line)
            kept.flush()
            plain = plain_line(line)
            if plain.startswith("APPLIANCE_STEP:"):
                say(plain)
            if time.monotonic() > deadline:
                process.terminate()
    if process.returncode:
        wrong = [line for line in log.read_text().splitlines() if line.strip()][-25:]
        raise VmError("cannot build the image: packer ended with an error:\n" + "\n".join(wrong), f"the log is {log}")


def plain_line(line: str) -> str:
    """A line that a provisioner printed, without what Packer puts before it."""
    return _PACKER_PREFIX.sub("", line.rstrip())


def _compress(made: Path, disk: Path) -> None:
    new = disk.with_suffix(".new")
    options = ["-c", "-W", "-m", "4", "-o", "compression_type=zstd", "-O", "qcow2"]
    run(["qemu-img", "convert", *options, made, new], timeout_seconds=900)
    new.rename(disk)


def _write_manifest(disk: Path, version: str, digest: str, inputs: str, bundle: Path, base: str, sbom: Path) -> None:
    about = {
        "disk": disk.name,
        "format": "qcow2",
        "sha256": digest,
        "bytes": disk.stat().st_size,
        "virtual_bytes": json.loads(output_of(["qemu-img", "info", "--output=json", disk]))["virtual-size"],
        "version": version,
        "architecture": "x86_64",
        "firmware": ["bios", "uefi"],
        "bundle": {"file": bundle.name, "sha256": sha256_of(bundle)},
        "sbom": {"file": sbom.name, "sha256": sha256_of(sbom)},
        "base": base,
        "inputs": inputs,
    }
    text = json.dumps(about, indent=2) + "\n"
    disk.with_suffix(".manifest.json").write_text(text)
    new = ARTIFACTS / "image.json.new"
    new.write_text(text)
    new.rename(ARTIFACTS / "image.json")
