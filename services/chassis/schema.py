"""Tables the chassis keeps inside a service's database, as frozen SQL that each service's migrations execute.

A constant never changes once released: a change is a new constant and a new migration in every service.
"""

IDEMPOTENCY_1 = """
create table idempotency (
    caller      text not null,
    key         text not null,
    fingerprint bytea not null,
    status      smallint,
    headers     json,
    body        bytea,
    created_at  timestamptz not null default now(),
    primary key (caller, key)
) with (fillfactor = 70);
create index idempotency_created_at on idempotency (created_at);
"""
"""A service that takes POSTs: answers kept for retries."""

_JOURNAL_1 = """
create table journal (
    position    bigint generated always as identity,
    id          uuid not null,
    type        text not null,
    subject     uuid not null,
    version     integer not null check (version > 0),
    occurred_on date not null,
    recorded_at timestamptz not null default clock_timestamp(),
    unit        text not null,
    branch      uuid,
    data        json not null,
    actor       text not null,
    traceparent text,
    sequence    bigint,
    primary key (subject, version)
);
create index journal_unnumbered on journal (position) where sequence is null;
create unique index journal_sequence on journal (sequence) where sequence is not null;

create function journal_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the journal is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger journal_no_update before update of
    position, id, type, subject, version, occurred_on, recorded_at, unit, branch, data, actor, traceparent on journal
    for each row execute function journal_is_append_only();
create trigger journal_numbered_once before update of sequence on journal
    for each row when (old.sequence is not null) execute function journal_is_append_only();
create trigger journal_no_delete before delete on journal
    for each row execute function journal_is_append_only();
create trigger journal_no_truncate before truncate on journal
    for each statement execute function journal_is_append_only();

create table relay_state (
    one       boolean primary key default true check (one),
    published bigint not null default 0
);
insert into relay_state default values;
"""

OWNER_1 = IDEMPOTENCY_1 + _JOURNAL_1
"""A service that owns records: journal (outbox, audit trail, feed), the relay's mark, answers kept for retries."""

WEBHOOKS_1 = """
create table webhook (
    id               uuid primary key,
    unit             text not null,
    branch           uuid,
    owner            text not null,
    url              text not null,
    types            text[] not null,
    active           boolean not null,
    secret           bytea not null,
    old_secret       bytea,
    old_secret_until timestamptz,
    position         bigint not null,
    message          uuid,
    message_until    bigint,
    failures         integer not null default 0,
    failing_since    timestamptz,
    retry_at         timestamptz,
    last_error       text,
    delivered_at     timestamptz,
    disabled         text check (disabled in ('gone', 'given_up')),
    test             uuid,
    tested_at        timestamptz,
    test_error       text,
    version          integer not null default 1,
    recorded_at      timestamptz not null default now(),
    check ((message is null) = (message_until is null))
);
create index webhook_unit on webhook (unit, id);
"""
"""Subscriptions: what each wants, how far it is, and the message under way."""

READER_1 = """
create table consumer_offset (
    topic       text not null,
    partition   integer not null,
    next_offset bigint not null,
    sequence    bigint not null default 0,
    event_time  timestamptz,
    applied_at  timestamptz not null default clock_timestamp(),
    primary key (topic, partition)
);

create table entity (
    subject     uuid primary key,
    source      text not null,
    kind        text not null,
    version     integer not null,
    unit        text not null,
    branch      uuid,
    state       json,
    recorded_at timestamptz not null
) with (fillfactor = 80);

create table parked (
    topic       text not null,
    partition   integer not null,
    "offset"    bigint not null,
    subject     uuid,
    version     integer,
    unit        text,
    reason      text not null check (reason in ('unreadable', 'gap', 'behind')),
    error       text not null,
    raw         bytea not null,
    parked_at   timestamptz not null default clock_timestamp(),
    primary key (topic, partition, "offset")
);
create index parked_subject on parked (subject, version);
"""
"""A service that reads the bus: offsets and entity versions beside their effects, and what could not be applied."""

VAULT_1 = """
create table data_key (
    id         integer generated always as identity primary key,
    purpose    text not null check (purpose in ('seal', 'index')),
    sealed     bytea not null,
    created_at timestamptz not null default now()
);
create unique index data_key_one_index on data_key (purpose) where purpose = 'index';
"""
"""A service that keeps personal numbers: the keys they are sealed under, themselves sealed."""
