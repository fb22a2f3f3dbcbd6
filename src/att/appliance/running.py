"""Where the release of this process lies, and its id."""

import json
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
    """Return the version that this process runs; in a checkout the next version with `+dev`."""
    metadata = release_root() / METADATA
    if not metadata.is_file():
        return f"{__version__}+dev"
    return str(json.loads(metadata.read_bytes())["version"])
