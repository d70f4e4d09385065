"""What finds the groups of a branch that is carried."""

from services.chassis import migrate

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Built while groups are written."""
    migrate.run_concurrently(
        "drop index concurrently if exists credit_group_branch",
        "create index concurrently credit_group_branch on credit_group (branch) where branch is not null",
    )
