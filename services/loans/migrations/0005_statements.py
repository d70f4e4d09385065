"""Bank statements and their differences, corrections with four eyes, cash that the bank has not confirmed."""

from services.chassis import migrate

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Everything new: nothing that serves depends on it yet."""
    migrate.run(STATEMENTS)
    migrate.run(RECEIPTS)
    migrate.run(CORRECTIONS)
    migrate.run(BOOKS)


STATEMENTS = """
create table statement (
    id            uuid primary key,
    unit          text not null,
    month         date not null check (extract(day from month) = 1),
    as_of         date not null check (date_trunc('month', as_of) = month),
    revision      integer not null,
    superseded_by uuid references statement,
    digest        bytea not null,
    columns       json not null,
    compared      text[] not null,
    late_days     integer not null check (late_days between 0 and 31),
    lines         integer not null default 0,
    unreadable    integer not null default 0,
    actor         text not null,
    matched_at    timestamptz,
    version       integer not null default 0,
    recorded_at   timestamptz not null,
    unique (unit, month, revision)
);
create unique index statement_current on statement (unit, month) where superseded_by is null;

create table statement_heading (
    actor   text not null,
    heading text not null,
    field   text,
    primary key (actor, heading)
);

create table statement_line (
    statement       uuid not null references statement,
    row             integer not null,
    contract_number text,
    customer_code   text,
    programme       text,
    in_term         bigint not null,
    overdue         bigint not null,
    frozen          bigint not null,
    interest        bigint not null,
    disbursed       bigint not null,
    repaid          bigint not null,
    savings         bigint,
    faults          json,
    primary key (statement, row)
);
create unique index statement_line_contract on statement_line (statement, contract_number);

create table statement_total (
    statement      uuid not null references statement,
    unit           text not null,
    programme      text not null,
    lines          integer not null,
    loans          integer not null,
    bank_in_term   bigint not null,
    bank_overdue   bigint not null,
    bank_frozen    bigint not null,
    bank_interest  bigint not null,
    bank_disbursed bigint not null,
    bank_repaid    bigint not null,
    our_in_term    bigint not null,
    our_overdue    bigint not null,
    our_frozen     bigint not null,
    our_interest   bigint not null,
    our_disbursed  bigint not null,
    our_repaid     bigint not null,
    primary key (statement, unit, programme)
);

create table statement_difference (
    statement      uuid not null references statement,
    number         integer not null,
    kind           text not null check (kind in ('missing_here', 'missing_there', 'identity', 'amount', 'state',
                                                 'movement', 'unreadable', 'pending', 'late')),
    row            integer,
    loan           uuid references loan,
    unit           text not null,
    programme      text not null,
    bank_in_term   bigint not null,
    bank_overdue   bigint not null,
    bank_frozen    bigint not null,
    bank_interest  bigint not null,
    bank_disbursed bigint not null,
    bank_repaid    bigint not null,
    our_in_term    bigint not null,
    our_overdue    bigint not null,
    our_frozen     bigint not null,
    our_interest   bigint not null,
    our_disbursed  bigint not null,
    our_repaid     bigint not null,
    primary key (statement, number)
);
create index statement_difference_loan on statement_difference (loan);
"""

RECEIPTS = """
create table receipt (
    id           uuid primary key,
    loan         uuid not null references loan,
    group_id     uuid,
    collector    uuid not null,
    collected_on date not null,
    principal    bigint not null check (principal >= 0),
    interest     bigint not null check (interest >= 0),
    reference    text,
    state        text not null check (state in ('pending', 'confirmed', 'cancelled')),
    settled_on   date check ((settled_on is null) = (state = 'pending')),
    entries      uuid[] not null default '{}' check ((state = 'confirmed') = (cardinality(entries) > 0)),
    note         text,
    actor        text not null,
    version      integer not null,
    recorded_at  timestamptz not null,
    check (principal + interest > 0)
);
create index receipt_loan on receipt (loan, collected_on);
create index receipt_pending on receipt (loan, collected_on) where state = 'pending';
"""

CORRECTIONS = """
create table correction (
    id             uuid primary key,
    statement      uuid not null references statement,
    loan           uuid not null references loan,
    lines          json not null,
    ledger_entries integer not null,
    before         json not null,
    after          json not null,
    reference      text,
    note           text,
    state          text not null check (state in ('proposed', 'approved', 'refused')),
    proposed_by    text not null,
    decided_by     text check ((decided_by is null) = (state = 'proposed')),
    entries        uuid[] not null default '{}' check ((state = 'approved') = (cardinality(entries) > 0)),
    version        integer not null,
    recorded_at    timestamptz not null,
    constraint correction_four_eyes check (state <> 'approved' or decided_by <> proposed_by)
);
create index correction_loan on correction (loan);
create index correction_statement on correction (statement, id);
"""

BOOKS = """
create function books_on(of uuid, first date, day date)
returns table (in_term bigint, overdue bigint, frozen bigint, interest bigint, disbursed bigint, repaid bigint)
language sql stable as $$
    select coalesce(now.in_term, 0), coalesce(now.overdue, 0), coalesce(now.frozen, 0),
           coalesce(moved.interest, 0)::bigint, coalesce(moved.disbursed, 0)::bigint, coalesce(moved.repaid, 0)::bigint
    from (
        select sum(signed) filter (where what = 'interest') as interest,
               sum(signed) filter (where what = 'disbursement') as disbursed,
               sum(signed) filter (where what = 'principal') as repaid
        from (select coalesce(reverses_kind, kind) as what, case kind when 'reversal' then -amount else amount end
                         as signed
              from entry where entry.loan = of and occurred_on between first and day) as counted
    ) as moved
    left join lateral (
        select * from balance where balance.loan = of and since <= day order by since desc limit 1
    ) as now on true
$$;
"""
