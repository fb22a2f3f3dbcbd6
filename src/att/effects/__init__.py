"""The only rooms that touch the world: files, processes, systemd, HTTP over unix sockets, clocks."""
