"""`att-run`, the parent of one task: its log, its end, its sockets. Standard library and kernel alone."""
