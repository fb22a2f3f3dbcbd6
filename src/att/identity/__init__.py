"""Who calls: the claim, signing in, sessions, API tokens, the signed tokens of the SSH door and the health gate."""
