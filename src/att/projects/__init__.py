"""Projects: NAT apps with their files, their states, their secrets."""
