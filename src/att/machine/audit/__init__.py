"""The audit log of what root does: who writes into it, and whether it is as it was written."""
