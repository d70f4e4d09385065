"""Sealed citizen numbers and phones, card numbers, and search by the words of a name."""

from services.chassis import migrate, schema

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Columns that an older version leaves alone; indexes are built while it writes."""
    migrate.run(schema.VAULT_1)
    migrate.run(COLUMNS)
    migrate.run_concurrently(
        *(
            statement
            for name, definition in INDEXES.items()
            for statement in (f"drop index concurrently if exists {name}", definition)
        )
    )


COLUMNS = """
alter table member add column card_number text;
alter table member add column citizen_sealed bytea;
alter table member add column citizen_index bytea;
alter table member add column phone_sealed bytea;
alter table member add column phone_index bytea;
"""
INDEXES = {
    "member_citizen": "create unique index concurrently member_citizen on member (citizen_index)"
    " where citizen_index is not null",
    "member_phone": "create index concurrently member_phone on member (phone_index) where phone_index is not null",
    "member_name_words": "create index concurrently member_name_words on member"
    " using gin (to_tsvector('simple', name_folded))",
}
