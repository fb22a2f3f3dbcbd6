"""Where operations meet the world: REST, MCP, attctl, WebSocket. All framework code lives in these rooms."""
