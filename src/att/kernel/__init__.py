"""What everything stands on: operations, errors, ids, signed tokens, the version. No I/O, imports nothing of att."""
