"""What takes the disk, what can be freed, and the way to more of it."""
