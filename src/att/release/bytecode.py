"""Bytecode that depends on the source and its name alone: `python -m att.release.bytecode SITE PACKAGE...`.

The build host runs it inside its build root, the appliance in the task of the building user: same interpreter, same
bytes. Standard library alone.
"""

import importlib.util
import marshal
import sys
from pathlib import Path

_UNCHECKED = (1).to_bytes(4, "little")
"""PEP 552: by the source's hash, never checked."""


def compiled(source: bytes, name: str) -> bytes:
    """Return the .pyc of `source`, whose tracebacks call it `name`; SyntaxError or ValueError when it is no Python."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    return head_of(source) + marshal.dumps(code)


def head_of(source: bytes) -> bytes:
    """Return the bytes with which the .pyc of `source` begins."""
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(source)


def place_of_bytecode(path: str) -> str:
    """Return where the .pyc of the file `path` lies."""
    return Path(importlib.util.cache_from_source(path)).as_posix()


def compile_packages(site: Path, packages: list[str]) -> None:
    """Write the .pyc of every module of `packages`, folders below `site`."""
    for source in sorted(file for package in packages for file in (site / package).rglob("*.py")):
        name = source.relative_to(site).as_posix()
        target = site / place_of_bytecode(name)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(compiled(source.read_bytes(), name))


if __name__ == "__main__":
    compile_packages(Path(sys.argv[1]), sys.argv[2:])
