"""The settings of the crash tests of `make test`."""

from tests.crash.conftest import _no_waiting_for_the_disk

__all__ = ["_no_waiting_for_the_disk"]
