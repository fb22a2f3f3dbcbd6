"""The event bus: published in process, replayed by cursor, kept for a while."""
