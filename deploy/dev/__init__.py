"""The embedded stack of a development machine: engines, issuer, processes. Nothing here is part of a deployment."""
