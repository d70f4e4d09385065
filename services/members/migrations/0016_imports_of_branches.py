"""Files that officers of a branch send."""

from services.chassis import migrate

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """An older version leaves the column alone, but its importer would take such a file for the commune's: roll
    importers out before the API."""
    migrate.run("alter table import add column branch uuid;")
