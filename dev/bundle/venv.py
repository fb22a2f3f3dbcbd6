"""The release's venvs: dependencies from the hash-locked wheelhouse, made once a lock; ATT itself on top, each build.

Nothing in it depends on where, when or under which version it was built, but `att/_version.py`.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from dev.bundle.buildroot import FORM, buildroot_key, run_inside
from dev.bundle.identity import CannotBuild
from dev.vm.step import run

PYTHON = "3.13"
_PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (41, 39, 35, 34, 31, 28, 27, 26, 24, 17, 12, 5)]
_SITE = Path("lib") / f"python{PYTHON}" / "site-packages"
_NOT_SHIPPED = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
_TESTS = ("pandas/tests",)
"""Test suites that NAT's dependencies ship: an eighth of the venv, and nothing imports them."""
_LAYER = "dependencies"
_UV = "/mnt/tool/uv"


def find_uv(repository: Path) -> Path:
    """Return the uv of the checkout, else the host's."""
    for candidate in (repository / ".tools" / "bin" / "uv", shutil.which("uv")):
        if candidate and Path(candidate).exists():
            return Path(candidate).resolve()
    raise CannotBuild("cannot build: uv is not installed; run `make venv`")


def wheelhouse(lock: Path, cache: Path, log: Path) -> Path:
    """Return the folder with the wheels that `lock` names, downloaded by hash where it is not there yet."""
    folder = cache / f"wheels-{_digest(lock)}"
    if folder.exists():
        return folder
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--require-hashes", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", PYTHON, "--implementation", "cp", "--dest", str(partial), "-r", str(lock)]
    for platform in [*_PLATFORMS, "manylinux2014_x86_64", "manylinux1_x86_64"]:
        command += ["--platform", platform]
    run(command, timeout_seconds=900, log=log)
    partial.rename(folder)
    return folder


def dependencies(root: Path, lock: Path, cache: Path, uv: Path, log: Path) -> Path:
    """Return a venv with every dependency and no ATT, compiled and stripped; its key is the lock and the root."""
    key = hashlib.sha256(f"{_digest(lock)} {buildroot_key()} {FORM}".encode()).hexdigest()[:16]
    kept = cache / f"venv-{key}"
    if kept.exists():
        return kept
    wheels = wheelhouse(lock, cache, log)
    partial = cache / f"venv-{key}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    release, build = partial / "releases" / _LAYER, partial / "build"
    release.mkdir(parents=True)
    shutil.copytree(wheels, build / "wheels")
    shutil.copyfile(lock, build / "lock.txt")
    target = f"/opt/att/releases/{_LAYER}/venv"
    script = (
        f"{_UV} venv -q --no-config --python /usr/bin/python{PYTHON} {target} && "
        f"{_install(target)} --find-links /build/wheels --require-hashes -r /build/lock.txt && {compile_line(target)}"
    )
    run_inside(root, ["sh", "-ec", script], releases=release.parent, build=build, tool=uv.parent, log=log)
    venv = release / "venv"
    strip(venv)
    venv.rename(kept)
    shutil.rmtree(partial)
    return kept


def nat_venv(layer: Path, release: Path) -> None:
    """Make `release`/nat of NAT's dependencies of `layer`."""
    nat = release / "nat"
    shutil.copytree(layer, nat, symlinks=True)
    for folder in (nat / _SITE / name for name in _TESTS):
        shutil.rmtree(folder)


def compile_own(release: Path, *, root: Path, build: Path, uv: Path, log: Path) -> None:
    """Compile ATT's own packages in the venvs of `release`, by the code that they bring."""
    installed = f"/opt/att/releases/{release.name}"
    for venv, packages in (("venv", ("att", "att_stage0")), ("nat", ("att_nat",))):
        if (release / venv).exists():
            command = [f"{installed}/venv/bin/python", "-P", "-B", "-m", "att.release.bytecode"]
            command += [f"{installed}/{venv}/{_SITE}", *packages]
            run_inside(root, command, releases=release.parent, build=build, tool=uv.parent, log=log)


def compile_line(venv: str) -> str:
    """Return the command that writes .pyc files whose bytes depend on the source alone."""
    site = f"{venv}/{_SITE}"
    options = f"-q --invalidation-mode unchecked-hash -s {site} -p ''"
    return f"{venv}/bin/python -X utf8 -m compileall {options} {site}"


def strip(venv: Path) -> None:
    """Remove what says where and when the venv was made, and every script: programs start with `python -m`."""
    for path in (venv / "bin").iterdir():
        if not path.name.startswith("python"):
            path.unlink()
    for name in (".gitignore", ".lock", "CACHEDIR.TAG"):
        (venv / name).unlink(missing_ok=True)
    site = venv / _SITE
    for name in ("_virtualenv.py", "_virtualenv.pth"):
        (site / name).unlink(missing_ok=True)
    for left in site.glob("__pycache__/_virtualenv.*"):
        left.unlink()
    for folder in site.glob("*.dist-info"):
        for name in _NOT_SHIPPED:
            (folder / name).unlink(missing_ok=True)
    (venv / "pyvenv.cfg").write_text(
        f"home = /usr/bin\nimplementation = CPython\nversion_info = {PYTHON}\ninclude-system-site-packages = false\n"
    )


def site_packages(venv: Path) -> Path:
    """Return the folder of the venv's packages."""
    return venv / _SITE


def _install(venv: str) -> str:
    quiet = "-q --no-config --no-cache --offline --no-index --link-mode copy"
    return f"{_UV} pip install {quiet} --python {venv}/bin/python"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
