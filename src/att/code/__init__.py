"""The files of a project: read, changed, searched, compared and watched through its workspace agent."""
