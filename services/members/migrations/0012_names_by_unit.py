"""Lists and searches of a commune's members read one index."""

from services.chassis import migrate

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Built while members are written; the old version reads it as it read the one that goes."""
    migrate.run_concurrently(
        "drop index concurrently if exists member_listed",
        "create index concurrently member_listed on member (unit, id) include (status, name_folded)",
        "drop index concurrently if exists member_unit",
    )
