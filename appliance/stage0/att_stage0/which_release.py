"""Prints the directory of the release that runs, as the journal and the disk decide."""

import sys
from pathlib import Path

from att_stage0.generator import chosen
from att_stage0.layout import APPLIANCE_TOML, Layout
from att_stage0.world import SystemClock


def main(facts: Path = APPLIANCE_TOML) -> int:
    """Print the path; 4 where there is no complete release."""
    layout = Layout.read(facts)
    release = chosen(layout, SystemClock().boot_id()).release
    if release is None:
        print("cannot name the release: none is complete", file=sys.stderr)  # noqa: T201
        return 4
    print(layout.release(release))  # noqa: T201
    return 0
