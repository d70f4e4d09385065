"""What the members service has told, how far it is read, and which groups a reorganisation left undecided."""

from services.chassis import migrate, schema

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Everything new: nothing that serves depends on it yet."""
    migrate.run(schema.READER_1)
    migrate.run("alter table credit_group add column undecided_since date;")
