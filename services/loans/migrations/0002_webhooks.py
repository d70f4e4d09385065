"""Webhooks."""

from services.chassis import migrate, schema

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """A table of its own: nothing that serves depends on it yet."""
    migrate.run(schema.WEBHOOKS_1)
