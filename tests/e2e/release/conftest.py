"""The same build as the tests of `make test`."""

from tests.release.conftest import built, key

__all__ = ["built", "key"]
