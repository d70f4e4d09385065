"""Reader's tables, contributions and their roll-ups."""

from services.chassis import migrate, schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Everything new: nothing that serves depends on it yet."""
    migrate.run(schema.READER_1)
    migrate.run(schema.IDEMPOTENCY_1)
    migrate.run(TABLES)


TABLES = """
create table contribution (
    id       bigint generated always as identity,
    subject  uuid not null,
    version  integer not null,
    measure  text not null,
    unit     text not null,
    branch   uuid,
    day      date not null,
    known_at timestamptz not null,
    previous date,
    dims     jsonb not null,
    value    bigint not null
);
create index contribution_unit on contribution (unit, measure, day);
create index contribution_branch on contribution (branch, measure, day) where branch is not null;
create index contribution_subject on contribution (subject, version);

create table rollup (
    scope     text not null,
    measure   text not null,
    dimension text not null,
    category  text not null,
    shard     integer not null,
    value     bigint not null,
    primary key (scope, measure, dimension, category, shard)
) with (fillfactor = 70);

create table rollup_month (
    scope   text not null,
    measure text not null,
    month   date not null check (extract(day from month) = 1),
    shard   integer not null,
    value   bigint not null,
    primary key (scope, measure, month, shard)
) with (fillfactor = 70);
"""
