"""The applications of a group are found."""

from services.chassis import migrate

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """An index: nothing that serves depends on it."""
    migrate.run("create index application_group on application (credit_group) where credit_group is not null;")
