"""How much the services write to the journal."""
