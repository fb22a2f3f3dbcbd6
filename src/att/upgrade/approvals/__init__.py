"""What of a change of ATT by itself needs people, and whether they said yes to exactly this change: pure."""
