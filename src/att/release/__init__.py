"""Releases and the signed bundles that carry them: build, check, unpack, install, verify (architecture §4)."""
