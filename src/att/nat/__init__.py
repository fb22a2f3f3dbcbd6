"""The seam to NAT, always out of process: what its components are, whether a config is right, what it is made of."""
