"""One file a process: builds the effects, wires the rooms, nothing else."""
