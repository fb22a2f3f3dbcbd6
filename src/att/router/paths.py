"""The routes that the API knows of the router."""

ADMIN = "/admin/providers"
