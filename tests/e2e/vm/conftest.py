"""The same image and machine as the smoke test's."""

from tests.appliance.vm.conftest import appliance, booted, image

__all__ = ["appliance", "booted", "image"]
