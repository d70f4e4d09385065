"""The log's index answers a screen by itself; three that no query needs any more are gone."""

from services.chassis import migrate

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Built while the log is written; nothing that serves looks at an index by name."""
    migrate.run_concurrently(
        "drop index concurrently if exists contribution_day",
        "create index concurrently contribution_day on contribution (unit, measure, day)"
        " include (branch, previous, value)",
        "drop index concurrently if exists contribution_unit",
        "drop index concurrently if exists contribution_branch",
        "drop index concurrently if exists contribution_subject",
    )
