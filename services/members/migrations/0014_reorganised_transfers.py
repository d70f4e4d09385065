"""What plans carried: open requests to transfer too."""

from services.chassis import migrate

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Wider checks: an older version goes on as before."""
    migrate.run(TABLES)


TABLES = """
alter table reorganised
    drop constraint reorganised_kind_check,
    add constraint reorganised_kind_check
        check (kind in ('branch', 'group', 'household', 'member', 'population', 'transfer')) not valid,
    drop constraint reorganised_branch_check,
    add constraint reorganised_branch_check check ((branch is null) = (kind in ('population', 'transfer'))) not valid;
"""
