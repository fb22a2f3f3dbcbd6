"""What starts tasks. Everything else about a task is read from its folder, on the appliance as in `make dev`."""
