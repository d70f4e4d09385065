"""Reorganisation plans, and what each application carried."""

from services.chassis import migrate

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Everything new: nothing that serves depends on it yet."""
    migrate.run(TABLES)


TABLES = """
create table reorganisation (
    id           uuid primary key,
    province     text not null,
    name         text not null,
    decision     text not null,
    effective_on date not null,
    mappings     json not null,
    names        json not null,
    state        text not null check (state in ('draft', 'applied', 'reversed')),
    applied_at   timestamptz check ((state = 'draft') = (applied_at is null)),
    reversed_at  timestamptz check ((state = 'reversed') = (reversed_at is not null)),
    version      integer not null,
    recorded_at  timestamptz not null
);
create index reorganisation_province on reorganisation (province, id);

create table reorganised (
    plan      uuid not null references reorganisation,
    kind      text not null check (kind in ('branch', 'group', 'household', 'member')),
    id        uuid not null,
    version   integer not null,
    unit_from text not null,
    unit_to   text not null,
    branch    uuid not null,
    name      text check ((name is null) = (kind <> 'branch')),
    primary key (plan, kind, id)
);
"""
