"""What a screen made anew or kept needs: programmes without reading every entity, and what the log has gained since."""

from services.chassis import migrate

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Rows of before have no transaction: no kept screen is older than they are."""
    migrate.run(COLUMN)
    migrate.run_concurrently(
        "drop index concurrently if exists contribution_applied_in",
        "create index concurrently contribution_applied_in on contribution (applied_in)",
        "drop index concurrently if exists entity_programme",
        "create index concurrently entity_programme on entity (kind) where kind = 'loans.programme'",
    )


COLUMN = """
alter table contribution add column applied_in xid8;
alter table contribution alter column applied_in set default pg_current_xact_id();
"""
