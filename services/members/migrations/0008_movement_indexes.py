"""What finds possible duplicates, and who was or will be in a household; a merged record holds no number."""

from services.chassis import migrate

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Built, and the constraints of 0007 checked, while members are written."""
    migrate.run_concurrently(
        "alter table member validate constraint member_status_check",
        "alter table member validate constraint member_left_check",
        "drop index concurrently if exists member_same",
        "create index concurrently member_same on member (name_key(name_folded), birth_year) where status <> 'merged'",
        "drop index concurrently if exists member_homes",
        "create index concurrently member_homes on member using gin (homes(timeline))"
        " where json_array_length(timeline) > 1",
        "drop index concurrently if exists member_citizen_number",
        "create unique index concurrently member_citizen_number on member (citizen_index)"
        " where citizen_index is not null and status <> 'merged'",
        "drop index concurrently if exists member_citizen",
    )
