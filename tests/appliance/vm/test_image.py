"""What must not be in an image that is given to others, read from its disk without booting it."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from dev.vm.image import Image
from dev.vm.places import ARTIFACTS

ROOT_PARTITION = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
Debugfs = Callable[[str], str]


@pytest.fixture(scope="session")
def disk(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Debugfs:
    """Runs debugfs commands on the image's root file system."""
    raw = tmp_path_factory.mktemp("disk") / "disk.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(image.disk), str(raw)], check=True, timeout=300)
    table = subprocess.run(["sfdisk", "--json", str(raw)], check=True, capture_output=True, timeout=60)
    partitions = json.loads(table.stdout)["partitiontable"]["partitions"]
    start = next(one["start"] for one in partitions if one["type"] == ROOT_PARTITION)

    def debugfs(command: str) -> str:
        line = ["debugfs", "-R", command, f"{raw}?offset={start * 512}"]
        return subprocess.run(line, check=True, capture_output=True, text=True, timeout=60).stdout

    return debugfs


def names(disk: Debugfs, folder: str) -> set[str]:
    """File names in a folder of the image; empty where there is no such folder."""
    rows = (line.split("/") for line in disk(f"ls -p {folder}").splitlines() if line.startswith("/"))
    return {row[5] for row in rows} - {".", ".."}


def test_the_image_is_nobodys_machine_yet(disk: Debugfs) -> None:
    assert disk("cat /etc/machine-id") == ""
    ssh = names(disk, "/etc/ssh")
    assert "sshd_config" in ssh
    assert not [name for name in ssh if name.startswith("ssh_host_")]
    assert not names(disk, "/var/lib/systemd") & {"random-seed", "credential.secret"}
    assert names(disk, "/var/lib/cloud") == set()


def test_the_image_holds_no_state_key_or_token(disk: Debugfs) -> None:
    assert names(disk, "/var/lib/att") == set()
    assert names(disk, "/etc/att/secrets.d") == set()
    assert names(disk, "/etc/att/tls") == set()
    assert names(disk, "/etc/att") == {"att.yaml", "secrets.d", "tls"}
    assert names(disk, "/opt/att/.upgrade") == set()


def test_the_builds_user_and_its_key_are_gone(disk: Debugfs) -> None:
    assert names(disk, "/home") == {"operator"}
    assert ".ssh" not in names(disk, "/home/operator")
    assert ".ssh" not in names(disk, "/root")
    for file in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"):
        assert "packer" not in disk(f"cat /etc/{file}"), file
        assert "packer" not in disk(f"cat /etc/{file}-"), file
    assert "90-cloud-init-users" not in names(disk, "/etc/sudoers.d")


def test_no_password_works_and_no_log_is_left(disk: Debugfs) -> None:
    hashes = [line.split(":")[:2] for line in disk("cat /etc/shadow").splitlines()]
    assert hashes
    assert [user for user, hashed in hashes if not hashed.startswith(("!", "*"))] == []
    assert names(disk, "/var/log/journal") == set()
    assert names(disk, "/var/log/att") == set()
    assert not [name for name in names(disk, "/var/log") if name.startswith("cloud-init")]


def test_checksum_and_manifest_lie_beside_the_image_and_say_the_same(image: Image) -> None:
    digest = hashlib.sha256(image.disk.read_bytes()).hexdigest()
    assert Path(f"{image.disk}.sha256").read_text() == f"{digest}  {image.disk.name}\n"
    manifest = json.loads(image.disk.with_suffix(".manifest.json").read_text())
    assert (manifest["sha256"], manifest["version"]) == (digest, image.version)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", manifest["base"])
    assert (ARTIFACTS / manifest["bundle"]["file"]).exists()


def test_the_bill_of_materials_has_each_debian_package_that_the_disk_has(disk: Debugfs, image: Image) -> None:
    paragraphs = disk("cat /var/lib/dpkg/status").split("\n\n")
    fields = [dict(re.findall(r"^(Package|Status|Version): (.*)$", one, re.MULTILINE)) for one in paragraphs]
    installed = {(one["Package"], one["Version"]) for one in fields if one.get("Status") == "install ok installed"}
    bill = json.loads(image.disk.with_suffix(".image.sbom.json").read_text())
    debian = {(one["name"], one["version"]) for one in bill["components"] if one.get("purl", "").startswith("pkg:deb/")}
    assert debian == installed
    assert ("debian", "13") in {(one["name"], one["version"]) for one in bill["components"]}
    assert "fastapi" in {one["name"] for one in bill["components"]}
