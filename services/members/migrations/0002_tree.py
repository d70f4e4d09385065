"""Groups, offices, fees, and the women of a commune."""

from services.chassis import migrate

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """New tables, and columns with a default, which cost nothing and which an older version leaves alone."""
    migrate.run(TABLES)


TABLES = """
create table member_group (
    id          uuid primary key,
    unit        text not null,
    branch      uuid not null references branch,
    name        text not null,
    name_folded text not null,
    opened_on   date not null,
    closed_on   date check (closed_on >= opened_on),
    timeline    json not null,
    version     integer not null,
    recorded_at timestamptz not null
);
create index member_group_branch on member_group (branch, id);
create index member_group_unit on member_group (unit, id);
create unique index member_group_open_name on member_group (branch, name_folded) where closed_on is null;

alter table member add column "group" uuid references member_group;
alter table member add column roles json not null default '[]';
alter table member add column fees json not null default '[]';
create index member_in_group on member ("group") where "group" is not null;

create table officer_role (
    id       uuid primary key,
    member   uuid not null references member,
    level    text not null check (level in ('province', 'commune', 'branch', 'group')),
    position text not null,
    place    text not null,
    since    date not null,
    until    date check (until >= since)
);
create index officer_role_member on officer_role (member);
create index officer_role_place on officer_role (place, since);

create table population (
    id          uuid primary key,
    unit        text not null unique,
    timeline    json not null,
    version     integer not null,
    recorded_at timestamptz not null
);
"""
