"""Settings: defaults < /etc/att/att.yaml < environment; for each value, who set it."""
