"""Builds the signed release bundle: `python -m dev.bundle` (`make bundle`)."""
