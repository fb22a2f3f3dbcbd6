"""The address of the machine: tried for two minutes, kept only when somebody who still reaches it says so."""
