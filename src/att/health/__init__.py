"""Proves that a release is healthy, from outside, through the real socket."""
