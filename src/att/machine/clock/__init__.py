"""The machine's clock and what sets it."""
