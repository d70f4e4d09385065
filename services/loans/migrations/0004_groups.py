"""Savings-and-credit groups, who is in them and what they save; use-of-funds checks."""

from services.chassis import migrate

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Everything new: nothing that serves depends on it yet."""
    migrate.run(GROUPS)
    migrate.run(SAVINGS)
    migrate.run(CHECKS)


GROUPS = """
create table credit_group (
    id          uuid primary key,
    unit        text not null,
    branch      uuid,
    name        text not null,
    name_folded text not null,
    opened_on   date not null,
    closed_on   date check (closed_on >= opened_on),
    split_from  uuid references credit_group,
    timeline    json not null,
    ratings     json not null,
    board       json not null,
    version     integer not null,
    recorded_at timestamptz not null
);
create index credit_group_unit on credit_group (unit, id);
create unique index credit_group_name on credit_group (unit, name_folded) where closed_on is null;

create table membership (
    id           uuid primary key,
    credit_group uuid not null references credit_group,
    borrower     uuid not null references borrower,
    joined_on    date not null,
    left_on      date check (left_on >= joined_on)
);
create index membership_group on membership (credit_group);
create index membership_borrower on membership (borrower);
create unique index membership_now on membership (borrower) where left_on is null;

alter table application add column credit_group uuid references credit_group;
"""

SAVINGS = """
create table saving (
    id            uuid primary key,
    credit_group  uuid not null references credit_group,
    borrower      uuid not null references borrower,
    kind          text not null check (kind in ('in', 'out', 'reversal')),
    amount        bigint not null check (amount > 0),
    occurred_on   date not null,
    reference     text,
    reverses      uuid unique,
    reverses_kind text check (reverses_kind <> 'reversal'),
    recorded_at   timestamptz not null,
    moved         bigint generated always as (
        case kind when 'in' then amount when 'out' then -amount
                  else case reverses_kind when 'in' then -amount else amount end end) virtual,
    check ((kind = 'reversal') = (reverses is not null) and (kind = 'reversal') = (reverses_kind is not null)),
    constraint saving_as_it_was unique (id, credit_group, borrower, kind, amount, occurred_on),
    constraint saving_mirrors_what_it_reverses
        foreign key (reverses, credit_group, borrower, reverses_kind, amount, occurred_on)
        references saving (id, credit_group, borrower, kind, amount, occurred_on)
);
create index saving_group on saving (credit_group, borrower, occurred_on);

create trigger saving_append_only before update or delete on saving
    for each row execute function entry_is_append_only();
create trigger saving_no_truncate before truncate on saving
    for each statement execute function entry_is_append_only();

create function saving_is_there() returns trigger language plpgsql as $$
begin
    if exists (select from (
        select sum(sum(moved)) over (order by occurred_on) as held from saving
        where credit_group = new.credit_group and borrower = new.borrower group by occurred_on
    ) as days where held < 0) then
        raise exception 'more savings of % taken out than are there', new.borrower
            using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;
create constraint trigger saving_there after insert on saving
    deferrable initially deferred for each row execute function saving_is_there();
"""

CHECKS = """
create table use_check (
    disbursement      uuid primary key references entry,
    done_on           date not null,
    result            text not null check (result in ('proper', 'partly', 'misused', 'not_started')),
    bought            text,
    evidence          text,
    follow_up_due_on  date,
    settled_on        date,
    outcome           text check (outcome in ('put_right', 'repaid', 'made_overdue', 'none')),
    finding           text,
    version           integer not null,
    recorded_at       timestamptz not null,
    check ((result = 'misused') = (follow_up_due_on is not null)),
    check ((outcome is null) = (settled_on is null)),
    check (outcome is null or follow_up_due_on is not null)
);
create index use_check_follow_up on use_check (follow_up_due_on) where settled_on is null;
"""
