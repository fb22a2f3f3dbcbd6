"""What is wrong with a file or folder that holds a secret, as a table."""

import stat

import pytest

from att.secrets.decision import Found, Rule, violations

FILE = Rule("/s/a", (0, 33))
FOLDER = Rule("/s", (0,), mode_max=0o755, directory=True)


@pytest.mark.parametrize(
    ("rule", "found", "told"),
    [
        (FILE, Found(stat.S_IFREG | 0o400, 0), []),
        (FILE, Found(stat.S_IFREG | 0o600, 33), []),
        (FILE, Found(stat.S_IFREG | 0o640, 0), ["has mode 0640, must have 0400 or 0600"]),
        (FILE, Found(stat.S_IFREG | 0o4400, 0), ["has mode 4400, must have 0400 or 0600"]),
        (FILE, Found(stat.S_IFREG | 0o400, 1000), ["belongs to uid 1000, must belong to uid 0 or 33"]),
        (FILE, Found(stat.S_IFLNK | 0o777, 0), ["is a symbolic link"]),
        (FILE, Found(stat.S_IFIFO | 0o400, 0), ["is no regular file"]),
        (FILE, Found(stat.S_IFREG | 0o400, 0, links=2), ["has 2 hard links, must have one"]),
        (FOLDER, Found(stat.S_IFDIR | 0o755, 0), []),
        (FOLDER, Found(stat.S_IFDIR | 0o700, 0), []),
        (FOLDER, Found(stat.S_IFDIR | 0o775, 0), ["has mode 0775, at most 0755 is allowed"]),
        (FOLDER, Found(stat.S_IFREG | 0o400, 0), ["is no directory"]),
    ],
)
def test_each_way_of_being_open_is_told(rule: Rule, found: Found, told: list[str]) -> None:
    assert list(violations(rule, found)) == told
