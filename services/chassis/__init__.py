"""How a service runs. Knows no service."""
