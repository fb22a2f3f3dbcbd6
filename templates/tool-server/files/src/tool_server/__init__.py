"""Functions published as tools."""
