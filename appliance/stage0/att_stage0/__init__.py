"""What the image owns of the upgrade: journal, links, decision, rollback, unit generator. Standard library alone.

The upgrade engine of every release imports its own copy of this package, so engine and boot-time recovery are one
piece of code; the journal's record format is frozen, so that each can read what the other wrote.
"""

VERSION = 1
