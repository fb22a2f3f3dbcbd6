"""git of a project: its worktree through the agent, pull requests and checks through the forge."""
