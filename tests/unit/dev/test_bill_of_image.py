import json

import pytest
from dev.vm.bill import bill_of_image

from att.release.sbom import document

RELEASE = document([{"type": "library", "bom-ref": "pkg:pypi/a@1", "name": "a", "version": "1"}], version="2", time=0)
INSTALLED = """\
debian\t13
ii \tlibstdc++6\t14.2.0-19\tamd64\tgcc-14\t14.2.0-19
ii \tbsdutils\t1:2.41-5+deb13u1\tamd64\tutil-linux\t2.41-5+deb13u1
rc \tgone\t1\tall\tgone\t1
"""


def test_an_images_bill_has_its_releases_components_and_the_packages_that_are_installed() -> None:
    bill = json.loads(bill_of_image(RELEASE, INSTALLED, version="2", time=0))
    assert [(one["name"], one["version"]) for one in bill["components"]] == [
        ("debian", "13"),
        ("bsdutils", "1:2.41-5+deb13u1"),
        ("libstdc++6", "14.2.0-19"),
        ("a", "1"),
    ]
    purls = [one["purl"] for one in bill["components"] if "purl" in one]
    assert purls == [
        "pkg:deb/debian/bsdutils@1:2.41-5%2Bdeb13u1?arch=amd64&distro=debian-13&upstream=util-linux%402.41-5%2Bdeb13u1",
        "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64&distro=debian-13&upstream=gcc-14%4014.2.0-19",
    ]


def test_an_images_bill_is_valid_cyclonedx_and_not_its_releases() -> None:
    raw = bill_of_image(RELEASE, INSTALLED, version="2", time=0)
    assert json.loads(raw)["serialNumber"] != json.loads(RELEASE)["serialNumber"]
    schema = pytest.importorskip("cyclonedx.schema", reason="no release carries it")
    strict = pytest.importorskip("cyclonedx.validation.json").JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert strict.validate_str(raw.decode()) is None
