"""The event bus over a WebSocket."""
