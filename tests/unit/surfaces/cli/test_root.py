"""The command line that sudo is given."""

import pytest

from att.surfaces.cli.root import without_token


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["backup", "create"], ["backup", "create"]),
        (["--token", "att_secret", "backup", "create"], ["backup", "create"]),
        (["backup", "--token=att_secret", "create"], ["backup", "create"]),
        (["backup", "create", "--token"], ["backup", "create"]),
        (["--token-file", "token", "backup", "list"], ["--token-file", "token", "backup", "list"]),
        (["backup", "show", "--", "--token", "file"], ["backup", "show", "--", "--token", "file"]),
    ],
)
def test_a_token_never_gets_into_sudos_log(given: list[str], kept: list[str]) -> None:
    assert without_token(given) == kept
