"""Files of members on their way in."""

from services.chassis import migrate

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Everything new: nothing that serves depends on it yet."""
    migrate.run(TABLES)


TABLES = """
create table import (
    id              uuid primary key,
    unit            text not null,
    actor           text not null,
    language        text not null,
    traceparent     text,
    mode            text not null check (mode in ('validate', 'apply')),
    state           text not null default 'received'
                    check (state in ('received', 'checking', 'applying', 'done', 'refused', 'failed')),
    create_branches boolean not null,
    default_unit    text,
    default_branch  uuid,
    size            bigint not null,
    format          text,
    encoding        text,
    columns         json not null default '[]',
    faults          json not null default '[]',
    attempts        integer not null default 0,
    row_at          integer not null default 0,
    rows_total      integer,
    rows_done       integer not null default 0,
    created         integer not null default 0,
    valid           integer not null default 0,
    unchanged       integer not null default 0,
    refused         integer not null default 0,
    recorded_at     timestamptz not null default now(),
    finished_at     timestamptz
) with (fillfactor = 70);
create index import_unit on import (unit, id);
create index import_waiting on import (id) where state in ('received', 'checking', 'applying');

create table import_file (
    import uuid not null references import on delete cascade,
    kind   text not null check (kind in ('source', 'errors')),
    part   integer not null,
    bytes  bytea not null,
    primary key (import, kind, part)
);
alter table import_file alter column bytes set storage external;

create table import_row (
    import  uuid not null references import on delete cascade,
    row     integer not null,
    verdict text not null check (verdict in ('created', 'valid', 'unchanged', 'refused')),
    member  uuid,
    key     bytea,
    errors  json,
    primary key (import, row)
);
create index import_row_key on import_row (import, key) where key is not null;
create index import_row_refused on import_row (import, row) where verdict = 'refused';

create table import_key (
    key    bytea primary key,
    member uuid not null
);

create table import_heading (
    actor   text not null,
    heading text not null,
    field   text,
    primary key (actor, heading)
);
"""
