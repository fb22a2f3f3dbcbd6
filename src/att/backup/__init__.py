"""One signed and encrypted file that holds everything an appliance knows, and the way back from it (ADR 0016)."""
