"""Where these tests run: on a build host, or on an appliance that tests a change of ATT itself.

On an appliance this is the Python of NAT in the running release: pytest and hypothesis are there, ATT is in the
checkout, and what ATT itself needs is beside NAT in the release.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RELEASE = Path(sys.prefix).parent
IN_RELEASE = RELEASE / f"venv/lib/python3.{sys.version_info.minor}/site-packages"
ON_APPLIANCE = (RELEASE / "metadata.json").is_file() and IN_RELEASE.is_dir()
PATHS = (ROOT / "src", ROOT / "appliance" / "stage0", IN_RELEASE) if ON_APPLIANCE else ()
