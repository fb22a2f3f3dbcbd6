"""Where the release of this process lies, and its id."""

import sys
from functools import cache
from pathlib import Path

from att._version import __version__

METADATA = "metadata.json"


@cache
def release_root() -> Path:
    """Return the directory of the release whose venv runs this process; in a checkout the checkout."""
    candidate = Path(sys.prefix).parent
    return candidate if (candidate / METADATA).is_file() else Path(__file__).resolve().parents[3]


@cache
def running_release() -> str:
    """Return the version that this process runs, as its build wrote it; in a checkout the next version with `+dev`."""
    # The metadata says the same, among megabytes of digests that a start need not read.
    return __version__ if (release_root() / METADATA).is_file() else f"{__version__}+dev"
