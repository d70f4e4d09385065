"""Transfers, merges, pairs that are no duplicates."""

from services.chassis import migrate

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """New tables, a further status, and functions that the indexes of 0007 are of."""
    migrate.run(TABLES)


TABLES = """
create table transfer (
    id              uuid primary key,
    member          uuid not null references member,
    from_unit       text not null,
    from_branch     uuid not null references branch,
    to_unit         text not null,
    to_branch       uuid references branch,
    household       uuid references household,
    effective_on    date not null,
    reason          text,
    state           text not null
                    check (state in ('requested', 'accepted', 'refused', 'withdrawn', 'void', 'cancelled')),
    refusal_reason  text,
    requested_at    timestamptz not null,
    version         integer not null,
    recorded_at     timestamptz not null
);
create unique index transfer_open on transfer (member) where state = 'requested';
create index transfer_member on transfer (member);
create index transfer_from on transfer (from_unit, id);
create index transfer_to on transfer (to_unit, id);

create table merge (
    duplicate       uuid primary key references member,
    survivor        uuid not null references member,
    timeline        json not null,
    survivor_before json not null,
    survivor_after  json not null,
    merged_at       timestamptz not null
);
create index merge_survivor on merge (survivor);

create table not_duplicate (
    one         uuid not null references member,
    other       uuid not null references member,
    actor       text not null,
    recorded_at timestamptz not null default now(),
    primary key (one, other),
    check (one < other)
);

alter table member
    drop constraint member_status_check,
    drop constraint member_check1,
    add constraint member_status_check check (status in ('active', 'left', 'deceased', 'merged')) not valid,
    add constraint member_left_check check ((status in ('active', 'merged')) = (left_on is null)) not valid;

create function name_key(folded text) returns text language sql immutable parallel safe strict
return (select string_agg(word, ' ' order by word) from unnest(string_to_array(folded, ' ')) as word);

create function homes(timeline json) returns uuid[] language sql immutable parallel safe strict
return (select array_agg(distinct (spell ->> 'household')::uuid) from json_array_elements(timeline) as spell
        where spell ->> 'household' is not null);
"""
