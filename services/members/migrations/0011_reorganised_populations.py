"""What plans carried: declared women too, and the name each branch was given."""

from services.chassis import migrate

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Wider checks and a column that may be null: an older version goes on as before."""
    migrate.run(TABLES)


TABLES = """
alter table reorganised
    alter column branch drop not null,
    add column renamed text,
    drop constraint reorganised_kind_check,
    add constraint reorganised_kind_check
        check (kind in ('branch', 'group', 'household', 'member', 'population')) not valid,
    add constraint reorganised_branch_check check ((branch is null) = (kind = 'population')) not valid;
"""
