"""REST under /api/v1, the health routes, uploads and the console's files, as one FastAPI application."""
