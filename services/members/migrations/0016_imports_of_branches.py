"""Files that officers of a branch send."""

from services.chassis import migrate

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """A column that an older version leaves alone: it takes no file of theirs."""
    migrate.run("alter table import add column branch uuid;")
