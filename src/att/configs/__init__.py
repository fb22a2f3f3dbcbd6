"""A project's NAT config: read, checked to the line, drawn as a graph; and the components that it may use."""
