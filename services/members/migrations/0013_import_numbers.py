"""Files of members with numbers: warnings, the citizen number of each row, and what finds who is in already."""

from services.chassis import migrate

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Columns that an older version leaves alone; indexes are built while it writes."""
    migrate.run("alter table import_row add column citizen bytea; alter table import_row add column warnings json;")
    migrate.run_concurrently(
        *(
            statement
            for name, definition in INDEXES.items()
            for statement in (f"drop index concurrently if exists {name}", definition)
        )
    )


INDEXES = {
    "import_row_member": "create index concurrently import_row_member on import_row (member) where member is not null",
    "import_row_citizen": "create index concurrently import_row_citizen on import_row (import, citizen)"
    " where citizen is not null",
    "member_card": "create index concurrently member_card on member (card_number) where card_number is not null",
}
