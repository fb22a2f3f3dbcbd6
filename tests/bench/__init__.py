"""Measurements, each against a named peer in the same run. No timed tests: they print and record, they never fail."""
