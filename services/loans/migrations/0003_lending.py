"""Applications; terms of programmes; what the ledger adds up to, and the check that it does."""

from services.chassis import migrate

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Columns are added and filled, none is taken away: the version before goes on reading.

    An entry that it posts meanwhile is refused at commit, since it keeps no balances: its caller is told so. Terms that
    it publishes meanwhile lack `terms`: publish none (README).
    """
    migrate.run(PROGRAMMES_AND_BORROWERS)
    migrate.run(APPLICATIONS)
    migrate.run(LEDGER)
    migrate.run(BALANCES)
    migrate.run(FILL)
    migrate.run(CHECK)


PROGRAMMES_AND_BORROWERS = """
alter table programme add column terms json;
alter table programme alter column annual_rate_bps set default 0;
alter table borrower add column places json;
alter table borrower add column state json;
"""

APPLICATIONS = """
create table application (
    id              uuid primary key,
    borrower        uuid not null references borrower,
    unit            text not null,
    branch          uuid,
    programme       uuid not null references programme,
    programme_code  text not null,
    amount          bigint not null check (amount > 0),
    term_months     integer not null check (term_months > 0),
    purpose         text,
    conditions      text[] not null,
    papers          text[] not null,
    applied_on      date not null,
    state           text not null
        check (state in ('applied', 'appraised', 'confirmed', 'approved', 'rejected', 'withdrawn')),
    steps           json not null,
    decision_due_on date,
    version         integer not null,
    recorded_at     timestamptz not null
);
create index application_unit on application (unit, id);
create index application_borrower on application (borrower);
"""

LEDGER = """
alter table loan add column application uuid unique references application;
alter table loan add column amount bigint check (amount > 0);
alter table loan add column annual_rate_ppm integer check (annual_rate_ppm between 0 and 1000000);
alter table loan add column overdue_rate_percent integer;
alter table loan add column withdrawn_on date;

alter table entry drop constraint entry_kind_check;
alter table entry add constraint entry_kind_check check (kind in (
    'disbursement', 'principal', 'interest', 'extension', 'to_overdue', 'freeze', 'unfreeze', 'write_off', 'reversal'));
alter table entry add column reference text;
alter table entry add column until date;
alter table entry add constraint entry_until check ((until is not null) = (kind in ('extension', 'freeze')));
alter table entry add constraint entry_as_it_was unique (id, loan, kind, amount, occurred_on);
alter table entry add column reverses uuid unique;
alter table entry add column reverses_kind text check (reverses_kind <> 'reversal');
alter table entry add constraint entry_reverses check (
    (kind = 'reversal') = (reverses is not null) and (kind = 'reversal') = (reverses_kind is not null));
alter table entry add constraint entry_mirrors_what_it_reverses
    foreign key (reverses, loan, reverses_kind, amount, occurred_on)
    references entry (id, loan, kind, amount, occurred_on);
alter table entry add column principal bigint generated always as (
    case kind when 'disbursement' then amount when 'principal' then -amount when 'write_off' then -amount
              when 'reversal' then case reverses_kind when 'disbursement' then -amount when 'principal' then amount
                                                      when 'write_off' then amount else 0 end
              else 0 end) virtual;
"""

BALANCES = """
create table balance (
    loan          uuid not null references loan,
    since         date not null,
    status        text not null,
    due_on        date not null,
    in_term       bigint not null check (in_term >= 0),
    overdue       bigint not null check (overdue >= 0),
    frozen        bigint not null check (frozen >= 0),
    overdue_since date check ((overdue_since is null) = (overdue = 0)),
    outstanding   bigint generated always as (in_term + overdue + frozen) stored,
    primary key (loan, since)
);
create index balance_overdue on balance (since) where overdue > 0;

create function unbalanced(loans uuid[]) returns table (loan uuid, day date, by_entries bigint, by_balances bigint)
language sql stable as $$
    select loan, day, coalesce(entries.moved, 0)::bigint, coalesce(balances.moved, 0)::bigint
    from (select entry.loan, occurred_on as day, sum(principal) as moved from entry
          where entry.loan = any(loans) group by 1, 2) as entries
    full join (select balance.loan, since as day,
                      outstanding - lag(outstanding, 1, 0::bigint) over (partition by balance.loan order by since)
                          as moved
               from balance where balance.loan = any(loans)) as balances using (loan, day)
    where coalesce(entries.moved, 0) <> coalesce(balances.moved, 0)
$$;
"""

FILL = """
update programme set terms = json_build_object(
    'annual_rate_ppm', annual_rate_bps * 100, 'overdue_rate_percent', overdue_rate_percent, 'cap', cap,
    'longest_term_months', longest_term_months);
update loan set annual_rate_ppm = programme.annual_rate_bps * 100,
                overdue_rate_percent = programme.overdue_rate_percent
from programme where programme.id = loan.programme;
insert into balance (loan, since, status, due_on, in_term, overdue, frozen, overdue_since)
select loan, day, case when owed > 0 then case when day > due_on then 'overdue' else 'in_term' end
                       when exists (select from entry where entry.loan = owing.loan and occurred_on <= day)
                       then 'repaid' else 'signed' end,
       due_on, case when day > due_on then 0 else owed end, case when day > due_on then owed else 0 end, 0,
       case when day > due_on and owed > 0 then due_on + 1 end
from (
    select loan.id as loan, contract_on, due_on, day,
           coalesce((select sum(case kind when 'disbursement' then amount else -amount end) from entry
                     where entry.loan = loan.id and occurred_on <= day), 0) as owed
    from loan, lateral (select contract_on as day union select due_on + 1
                        union select occurred_on from entry where entry.loan = loan.id) as days
) as owing;
"""

CHECK = """
create function ledger_is_balanced() returns trigger language plpgsql as $$
begin
    if exists (select from unbalanced(array[coalesce(new.loan, old.loan)])) then
        raise exception 'the balances of loan % are not what its ledger adds up to', coalesce(new.loan, old.loan)
            using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;
create constraint trigger entry_balanced after insert on entry
    deferrable initially deferred for each row execute function ledger_is_balanced();
create constraint trigger balance_balanced after insert or update or delete on balance
    deferrable initially deferred for each row execute function ledger_is_balanced();
"""
