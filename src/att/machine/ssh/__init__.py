"""Who may enter at the SSH door."""
