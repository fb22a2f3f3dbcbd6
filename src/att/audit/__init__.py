"""Who did what, when, through which door, with which outcome; never a secret."""
