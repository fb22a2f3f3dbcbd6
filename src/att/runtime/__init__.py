"""What the launcher does: local login now; apps and tasks come with the projects."""
