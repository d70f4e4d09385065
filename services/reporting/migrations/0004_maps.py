"""The same history on today's map: where branches have been carried, and what splits moved to another branch."""

from services.chassis import migrate

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Everything new: nothing that serves depends on it yet."""
    migrate.run(TABLES)


TABLES = """
create table carried (
    branch   uuid not null,
    unit     text not null,
    unit_now text not null,
    primary key (branch, unit)
);
create index carried_now on carried (unit_now);

create table inherited (
    subject  uuid not null,
    version  integer not null,
    measure  text not null,
    unit     text not null,
    branch   uuid,
    day      date not null,
    known_at timestamptz not null,
    dims     jsonb not null,
    value    bigint not null
);
create index inherited_day on inherited (unit, measure, day);
"""
