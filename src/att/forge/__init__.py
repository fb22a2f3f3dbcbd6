"""The embedded forge: bare repositories, pull requests, checks."""
