"""The upgrade engine: one transaction at a time, from a signed bundle to a proven release, or back."""
