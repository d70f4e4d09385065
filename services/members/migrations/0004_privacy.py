"""Consents, the log of personal reads, requests of data subjects."""

from services.chassis import migrate

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """New tables only: the old version serves without them."""
    migrate.run(TABLES)
    migrate.run(QUARTERS)


TABLES = """
create function is_append_only() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;

create table consent_entry (
    position     bigint generated always as identity primary key,
    id           uuid not null unique,
    member       uuid not null references member,
    purpose      text not null,
    act          text not null check (act in ('given', 'withdrawn')),
    occurred_on  date not null,
    how          text not null check (how in ('paper', 'online', 'oral_recorded')),
    text_version text check ((act = 'given') = (text_version is not null)),
    evidence     text,
    recorded_by  text not null,
    recorded_at  timestamptz not null default clock_timestamp()
);
create index consent_entry_member on consent_entry (member, purpose, occurred_on, position);
create trigger consent_entry_no_change before update of
    position, id, member, purpose, act, occurred_on, how, text_version, recorded_by, recorded_at on consent_entry
    for each row execute function is_append_only();
create trigger consent_entry_only_forgets before update of evidence on consent_entry
    for each row when (new.evidence is not null) execute function is_append_only();
create trigger consent_entry_no_delete before delete on consent_entry
    for each row execute function is_append_only();
create trigger consent_entry_no_truncate before truncate on consent_entry
    for each statement execute function is_append_only();

create table access_log (
    id       bigint generated always as identity,
    at       timestamptz not null default clock_timestamp(),
    caller   text not null,
    unit     text not null,
    purpose  text not null,
    route    text not null,
    subjects uuid[] not null check (cardinality(subjects) between 1 and 1000)
) partition by range (at);
create index access_log_caller on access_log (caller, id);
create index access_log_subjects on access_log using gin (subjects);
create trigger access_log_no_change before update or delete on access_log
    for each row execute function is_append_only();
create trigger access_log_no_truncate before truncate on access_log
    for each statement execute function is_append_only();

create table subject_request (
    id             uuid primary key,
    member         uuid not null references member,
    kind           text not null
                   check (kind in ('access', 'correct', 'erase', 'restrict', 'object', 'withdraw_consent')),
    channel        text not null check (channel in ('in_person', 'paper', 'phone', 'online')),
    third_party    boolean not null,
    received_on    date not null,
    answer_due     date not null,
    completion_due date not null,
    extended       boolean not null default false,
    state          text not null check (state in ('received', 'answered', 'done', 'refused')),
    answered_on    date,
    closed_on      date,
    detail         text,
    version        integer not null,
    recorded_at    timestamptz not null default now()
);
create index subject_request_member on subject_request (member, id);
create index subject_request_open on subject_request (completion_due) where state in ('received', 'answered');

create table subject_request_step (
    request     uuid not null references subject_request,
    version     integer not null,
    act         text not null check (act in ('received', 'answered', 'extended', 'done', 'refused')),
    occurred_on date not null,
    reason      text,
    recorded_by text not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (request, version)
);
create trigger subject_request_step_no_change before update of
    request, version, act, occurred_on, recorded_by, recorded_at on subject_request_step
    for each row execute function is_append_only();
create trigger subject_request_step_only_forgets before update of reason on subject_request_step
    for each row when (new.reason is not null) execute function is_append_only();
create trigger subject_request_step_no_delete before delete on subject_request_step
    for each row execute function is_append_only();
create trigger subject_request_step_no_truncate before truncate on subject_request_step
    for each statement execute function is_append_only();
"""

QUARTERS = """
for n in 0..59 loop
    execute format(
        'create table access_log_%s partition of access_log for values from (%L) to (%L)',
        to_char(date '2026-01-01' + n * interval '3 months', 'YYYY"q"Q'),
        (date '2026-01-01' + n * interval '3 months') at time zone 'Asia/Ho_Chi_Minh',
        (date '2026-01-01' + (n + 1) * interval '3 months') at time zone 'Asia/Ho_Chi_Minh');
    execute format(
        'create trigger access_log_no_truncate before truncate on access_log_%s execute function is_append_only()',
        to_char(date '2026-01-01' + n * interval '3 months', 'YYYY"q"Q'));
end loop;
create table access_log_other partition of access_log default;
create trigger access_log_no_truncate before truncate on access_log_other execute function is_append_only();
"""
"""Fifteen years of quarters, so that a term that is over is one table to drop; `other` holds what comes after."""
