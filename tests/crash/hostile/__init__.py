"""Every kind of hostile bundle: `kinds.KINDS`."""
