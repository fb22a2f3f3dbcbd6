"""The image boots by UEFI too, and on a machine of Amazon's takes who it is from the metadata service."""

import json
from pathlib import Path

from dev.vm.image import Image
from tests.appliance.vm.operated import Operated, operated
from tests.fakes import ec2_metadata

SETTINGS = "disk:\n  warn_percent: 71\n"


def well(appliance: Operated) -> None:
    """It serves, its operator is in, and its first token is good."""
    assert appliance.status_becomes_ok()["release"] == appliance.release()
    signed_in = {"Authorization": f"Bearer {appliance.token}"}
    assert appliance.guest.request("GET", "/api/v1/auth/me", headers=signed_in).status == 200
    assert appliance.guest.shell("systemctl --failed --plain --no-legend") == ""


def test_the_image_boots_by_uefi_and_again(image: Image, tmp_path: Path) -> None:
    with operated(image, tmp_path, uefi=True) as appliance:
        print(f"ready after {appliance.boot():.0f} s, first boot by UEFI")
        assert appliance.guest.ssh("test", "-d", "/sys/firmware/efi", check=False).returncode == 0
        well(appliance)
        print(f"ready after {appliance.reboot():.0f} s, second boot by UEFI")
        well(appliance)


def test_on_amazons_machine_key_name_settings_and_token_come_from_its_metadata_service(
    image: Image, tmp_path: Path
) -> None:
    cloud = tmp_path / "cloud"
    with operated(image, tmp_path, settings=SETTINGS, cloud=cloud) as appliance:
        print(f"ready after {appliance.boot():.0f} s, first boot with a metadata service")
        box = appliance.guest
        assert box.shell("cloud-id").strip() == "aws"
        known = ec2_metadata.metadata(cloud)
        assert box.shell("sudo cloud-init query instance_id").strip() == known["instance-id"]
        assert box.shell("hostname").strip() == known["local-hostname"]
        # The key is in the metadata alone, settings and token in the user data.
        assert known["public-keys/0/openssh-key"] in box.shell("cat ~/.ssh/authorized_keys")
        assert box.shell("cat /etc/att/att.yaml") == SETTINGS
        well(appliance)
        status = json.loads(box.ssh("sudo", "cloud-init", "status", "--wait", "--format", "json", check=False).stdout)
        assert (status["datasource"], status["status"], status["errors"]) == ("ec2", "done", [])
    asked = ec2_metadata.asked(cloud)
    assert {"method": "PUT", "path": "/latest/api/token", "status": 200} in asked
    assert [one for one in asked if one["status"] == 401] == []
    assert {one["path"] for one in asked} >= {f"/{ec2_metadata.VERSION}/user-data"}
