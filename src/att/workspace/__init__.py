"""The inside of a project's sandbox: its agent, its tasks, and the ports through which other rooms reach them."""
