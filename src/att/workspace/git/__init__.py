"""git inside a project's sandbox: standard library and kernel alone, for the agent's process."""
