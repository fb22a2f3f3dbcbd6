"""MCP over Streamable HTTP: tools and resources made from the operations, for both eras of the protocol."""
