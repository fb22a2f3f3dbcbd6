"""The way out: what of the internet a project may reach, and the proxy that carries it there."""
