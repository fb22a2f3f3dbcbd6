"""What is looked at before an image is given out."""

from pathlib import Path

import pytest
from dev.vm.image import demand_scrubbed
from dev.vm.step import VmError

STOPPED = "[  OK  ] Stopped dbus.service\r\n"


def test_an_image_whose_build_machine_was_scrubbed_is_given_out() -> None:
    demand_scrubbed(STOPPED + "APPLIANCE_STEP:scrub:OK:{}\r\n" + STOPPED, Path("packer.log"))


def test_an_image_whose_build_machine_kept_its_keys_is_refused_and_the_log_is_named() -> None:
    with pytest.raises(VmError, match="did not forget its keys") as refused:
        demand_scrubbed(STOPPED, Path("packer.log"))
    assert "packer.log" in str(refused.value.hint)
