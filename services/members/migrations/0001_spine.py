"""Journal, branches, households, members."""

from services.chassis import migrate, schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Everything new: nothing that serves depends on it yet."""
    migrate.run(schema.OWNER_1)
    migrate.run(TABLES)


TABLES = """
create table branch (
    id          uuid primary key,
    unit        text not null,
    name        text not null,
    name_folded text not null,
    kind        text not null check (kind in ('residential', 'sectoral')),
    opened_on   date not null,
    closed_on   date check (closed_on >= opened_on),
    timeline    json not null,
    version     integer not null,
    recorded_at timestamptz not null default now()
);
create index branch_unit on branch (unit, id);
create unique index branch_open_name on branch (unit, name_folded) where closed_on is null;

create table household (
    id          uuid primary key,
    unit        text not null,
    branch      uuid not null references branch,
    address     text,
    registered_on date not null,
    timeline    json not null,
    version     integer not null,
    recorded_at timestamptz not null default now()
);
create index household_unit on household (unit, id);
create index household_branch on household (branch, id);

create table member (
    id               uuid primary key,
    unit             text not null,
    branch           uuid not null references branch,
    household        uuid references household,
    name             text not null,
    name_folded      text not null,
    birth_date       date,
    birth_year       smallint check (birth_year between 1900 and 2100),
    ethnicity        text not null,
    ethnicity_system text not null,
    kind             text not null check (kind in ('ordinary', 'honorary')),
    core             boolean not null,
    joined_on        date not null,
    status           text not null check (status in ('active', 'left', 'deceased')),
    left_on          date check (left_on >= joined_on),
    leaving_reason   text,
    poverty_status   text,
    timeline         json not null,
    due_on           date,
    version          integer not null,
    recorded_at      timestamptz not null default now(),
    check ((status = 'active') = (left_on is null)),
    check (birth_date is null or birth_year = extract(year from birth_date))
);
create index member_unit on member (unit, id);
create index member_branch on member (branch, id);
create index member_due on member (due_on) where due_on is not null;
create index member_household on member (household) where household is not null;
"""
