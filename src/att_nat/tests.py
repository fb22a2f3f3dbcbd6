"""`python -m att_nat.tests [pytest's arguments]`: pytest with the project's own package offered to NAT.

The project is the folder that it runs in. The exit code is pytest's; 4, as for wrong usage, when pyproject.toml
cannot be read.
"""

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from att_nat.package import CannotOffer, offer, read_package
from att_nat.scratch import scratch
from att_nat.serve import quiet_telemetry

# A plugin of a library that NAT brings: it imports for a second and reports tests to a service.
_UNWANTED = ("-p", "no:langsmith_plugin")


class Umask:
    """Takes back what tests do to the umask of this process: the reports are for others to read."""

    def __init__(self) -> None:
        self._umask = os.umask(0o022)
        os.umask(self._umask)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Go on with the former umask once all tests are done, before any plugin writes what it found."""
        try:
            return (yield)
        finally:
            os.umask(self._umask)


def main(arguments: list[str]) -> int:
    """Run the tests and return the exit code."""
    quiet_telemetry()
    with scratch() as folder:
        try:
            package = read_package(Path.cwd())
        except CannotOffer as error:
            sys.stderr.write(f"{error}\n")
            return int(pytest.ExitCode.USAGE_ERROR)
        if package is not None:
            offer(package, folder)
        return int(pytest.main([*_UNWANTED, *arguments], plugins=[Umask()]))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
