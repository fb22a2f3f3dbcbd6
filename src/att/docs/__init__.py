"""The guide that the running release carries: pages of Markdown, one definition for console, terminal and folder."""
