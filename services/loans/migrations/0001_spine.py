"""Journal, programmes, borrowers, loans and their ledger."""

from services.chassis import migrate, schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Everything new: nothing that serves depends on it yet."""
    migrate.run(schema.OWNER_1)
    migrate.run(TABLES)


TABLES = """
create table programme (
    id                   uuid primary key,
    code                 text not null,
    province             text not null,
    name_vi              text not null,
    name_en              text not null,
    valid_from           date not null,
    valid_to             date check (valid_to >= valid_from),
    annual_rate_bps      integer not null check (annual_rate_bps between 0 and 10000),
    overdue_rate_percent integer not null check (overdue_rate_percent between 100 and 300),
    cap                  bigint check (cap > 0),
    longest_term_months  integer not null check (longest_term_months between 1 and 600),
    version              integer not null,
    recorded_at          timestamptz not null,
    unique (province, code, valid_from)
);

create table borrower (
    id             uuid primary key,
    household      uuid not null,
    unit           text not null,
    branch         uuid,
    customer_code  text not null unique,
    representative text,
    poverty_status text check (poverty_status in ('poor', 'near_poor', 'newly_escaped', 'average', 'other')),
    version        integer not null,
    recorded_at    timestamptz not null
);
create index borrower_unit on borrower (unit, id);
create unique index borrower_household on borrower (household);

create table loan (
    id              uuid primary key,
    borrower        uuid not null references borrower,
    unit            text not null,
    programme       uuid not null references programme,
    programme_code  text not null,
    capital_source  text not null check (capital_source in ('central', 'mobilised', 'local')),
    contract_number text not null unique,
    contract_on     date not null,
    due_on          date not null check (due_on > contract_on),
    version         integer not null,
    recorded_at     timestamptz not null
);
create index loan_unit on loan (unit, id);
create index loan_borrower on loan (borrower);

create table entry (
    id          uuid primary key,
    loan        uuid not null references loan,
    kind        text not null check (kind in ('disbursement', 'principal')),
    amount      bigint not null check (amount > 0),
    occurred_on date not null,
    recorded_at timestamptz not null
);
create index entry_loan on entry (loan, occurred_on);

create function entry_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger entry_append_only before update or delete on entry
    for each row execute function entry_is_append_only();
create trigger entry_no_truncate before truncate on entry
    for each statement execute function entry_is_append_only();
"""
