"""The site around the appliance: the HTTP proxy that leads out of it, and the authorities of its own to trust."""
