"""The LLM gateway: an OpenAI-compatible door to the scripted model and to configured providers, and its keys.

The router's process imports neither pydantic nor a web framework: it stays small. `operations.py`, `service.py`,
`schema.py`, `door.py` and `keys.py` are the API's side.
"""
