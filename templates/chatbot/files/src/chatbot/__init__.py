"""An agent with a calculator."""
