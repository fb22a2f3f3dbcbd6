"""Settings files that were written for an earlier version of the settings."""
