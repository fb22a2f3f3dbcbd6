"""Builds the appliance's base disk and image and runs them under QEMU. Standard library only; `python -m dev.vm`."""
