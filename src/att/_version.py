"""The version that the next release will carry; a bundle build writes its own over it."""

__version__ = "0.1.0"
