"""Where NAT's own Python lies."""

from pathlib import Path

from att.appliance import Facts, release_root

_PYTHON = Path("bin") / "python"


def nat_python(where: Facts) -> Path:
    """Return the interpreter of NAT's venv: the running release's `nat/`, in a checkout the `.nat/` of `make nat`."""
    root = release_root()
    folder = "nat" if root.is_relative_to(where.paths.releases) else ".nat"
    return root / folder / _PYTHON
