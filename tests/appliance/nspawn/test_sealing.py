"""The sealing key on real systemd: made at the first boot, handed to the API alone, and no condition of its start."""

import json

from tests.appliance.nspawn.container import Container

KEY = "/etc/att/secrets.d/sealing-key"
HANDED = "/run/credentials/att-api.service/sealing-key"


def _stored(appliance: Container) -> list[str]:
    listed = json.loads(appliance.attctl("project", "credentials", "list", "--json").stdout)
    return [one["name"] for one in listed["credentials"]]


def test_a_secret_is_sealed_with_the_key_of_the_first_boot(appliance: Container) -> None:
    appliance.write("/srv/login", "s3cret-of-a-host\n")
    appliance.attctl("project", "credentials", "set", "team", "/srv/login", "--host", "example.org")
    assert _stored(appliance) == ["team"]
    appliance.run("sh", "-c", "! grep -rlF -- $0 /var/lib/att/api /var/log/att", "s3cret-of-a-host")
    assert appliance.run("stat", "-c", "%a %U %s", KEY).stdout.split() == ["400", "root", "32"]
    appliance.run("cmp", KEY, HANDED)


def test_without_its_key_the_api_starts_and_says_what_it_cannot_do(appliance: Container) -> None:
    appliance.run("mv", KEY, "/root/kept")
    appliance.run("systemctl", "restart", "att-api.service")
    assert _stored(appliance) == ["team"]
    refused = appliance.attctl(
        "project", "credentials", "set", "other", "/srv/login", "--host", "example.org", check=False
    )
    assert "error[sealing_key_missing]" in refused.stderr
    appliance.run("mv", "/root/kept", KEY)
    appliance.run("systemctl", "restart", "att-api.service")
    appliance.attctl("project", "credentials", "set", "other", "/srv/login", "--host", "example.org")
    assert _stored(appliance) == ["other", "team"]
