"""The match of a statement: one question to the database, so that all of it is of one moment.

`statement_total` holds what the file and the ledger add up to, each on its own; `statement_difference` what the join of
both finds. That the first is explained by the second to the last đồng is asked again before it is kept.
"""

from typing import Any

from contracts import units
from services.chassis.db import Connection, Row
from services.loans.statements.schemas import FIGURES


def each(form: str, names: tuple[str, ...] = FIGURES, between: str = ", ") -> str:
    """`form` for every figure, `{0}` its name."""
    return between.join(form.format(name) for name in names)


OWED = FIGURES[:3]
MATCH = f"""
with ours as materialized (
    select loan.id as loan, loan.contract_number, loan.unit, loan.programme_code as programme, borrower.customer_code,
           {each("books.{0} as our_{0}", OWED)},
           {each("case when '{0}' = any($6::text[]) then books.{0} else 0 end as our_{0}", FIGURES[3:])}
    from loan join borrower on borrower.id = loan.borrower
    cross join lateral books_on(loan.id, $3, $4) as books
    where loan.unit = any($5)
), lines as materialized (
    select line.row, line.contract_number, line.programme, line.customer_code, line.faults is not null as unreadable,
           {each("line.{0} as bank_{0}")},
           coalesce(ours.unit, borrower.unit, $2) as unit, coalesce(line.programme, ours.programme, '') as counted
    from statement_line as line
    left join ours on ours.contract_number = line.contract_number
    left join borrower on borrower.customer_code = line.customer_code and borrower.unit = any($5)
    where line.statement = $1
), bank_sums as (
    select unit, counted as programme, count(*) as lines, {each("sum(bank_{0}) as bank_{0}")} from lines group by 1, 2
), our_sums as (
    select unit, programme, count(*) as loans, {each("sum(our_{0}) as our_{0}")} from ours group by 1, 2
), totals as (
    insert into statement_total (statement, unit, programme, lines, loans,
                                 {each("bank_{0}")}, {each("our_{0}")})
    select $1, unit, programme, coalesce(lines, 0), coalesce(loans, 0),
           {each("coalesce(bank_{0}, 0)")}, {each("coalesce(our_{0}, 0)")}
    from bank_sums full join our_sums using (unit, programme)
), joined as (
    select lines.row, ours.loan, lines.unreadable, coalesce(ours.unit, lines.unit) as unit,
           lines.programme as bank_programme, ours.programme as our_programme,
           coalesce(lines.counted, ours.programme) as counted,
           coalesce(lines.programme <> ours.programme, false) as elsewhere,
           coalesce(lines.customer_code <> ours.customer_code, false) as another,
           {each("coalesce(bank_{0}, 0) as bank_{0}")}, {each("coalesce(our_{0}, 0) as our_{0}")}
    from lines full join ours on ours.contract_number = lines.contract_number
), different as (
    select * from joined
    where unreadable or elsewhere or another or (loan is null and row is not null)
       or {each("bank_{0} <> our_{0}", between=" or ")}
), classed as (
    select different.*, case
        when unreadable then 'unreadable'
        when loan is null then 'missing_here'
        when row is null then 'missing_there'
        when elsewhere or another then 'identity'
        when exists (
            select from (
                select sum(principal) over paid as principal, sum(interest) over paid as interest from receipt
                where receipt.loan = different.loan and state = 'pending' and collected_on <= $4
                window paid as (order by collected_on, id)
            ) as paid
            where bank_overdue = our_overdue - least(paid.principal, our_overdue)
              and bank_in_term = our_in_term - least(greatest(paid.principal - our_overdue, 0), our_in_term)
              and bank_frozen = our_frozen - greatest(paid.principal - our_overdue - our_in_term, 0)
              and bank_disbursed = our_disbursed
              and (not 'interest' = any($6) or bank_interest = our_interest + paid.interest)
              and (not 'repaid' = any($6) or bank_repaid = our_repaid + paid.principal)
        ) then 'pending'
        when exists (
            select from (
                select since as on from balance
                where balance.loan = different.loan and since between $4 - $7::int and $4 + $7::int union
                select occurred_on from entry
                where entry.loan = different.loan and occurred_on between $4 - $7::int and $4 + $7::int
            ) as moved
            cross join lateral books_on(different.loan, $3, case when moved.on > $4 then moved.on else moved.on - 1 end)
                as books
            where {each("bank_{0} = books.{0}", OWED, " and ")}
              and {each("(not '{0}' = any($6) or bank_{0} = books.{0})", FIGURES[3:], " and ")}
        ) then 'late'
        when bank_in_term + bank_overdue + bank_frozen <> our_in_term + our_overdue + our_frozen then 'amount'
        when {each("bank_{0} <> our_{0}", OWED, " or ")} then 'state'
        else 'movement' end as kind
    from different
)
insert into statement_difference (statement, number, kind, row, loan, unit, programme,
                                  {each("bank_{0}")}, {each("our_{0}")})
select $1, row_number() over (order by unit, row, loan, leg.bank desc), kind, row, loan, unit,
       case when leg.bank = 1 then counted else our_programme end,
       {each("bank_{0} * leg.bank")}, {each("our_{0} * leg.ours")}
from classed
join (values (false, 1, 1), (true, 1, 0), (true, 0, 1)) as leg (elsewhere, bank, ours)
  on leg.elsewhere = classed.elsewhere
"""  # noqa: S608  # names of figures
"""$1 statement, $2 its unit, $3 month, $4 as of, $5 units, $6 figures compared of those moved, $7 days.

Where the bank has a contract under another programme, each programme has its leg of the difference.
"""
REMAINDER = f"""
select unit, programme from (
    select unit, programme, {each("bank_{0} - our_{0} as {0}")} from statement_total where statement = $1
    union all
    select unit, programme, {each("our_{0} - bank_{0}")} from statement_difference where statement = $1
) as parts
group by unit, programme having {each("sum({0}) <> 0", between=" or ")}
"""  # noqa: S608


async def match(conn: Connection, statement: Row) -> list[dict[str, Any]]:
    """Fill a statement's totals and differences anew; of each kind its number and the bank's outstanding less ours."""
    id_ = statement["id"]
    await conn.execute("delete from statement_total where statement = $1", id_)
    await conn.execute("delete from statement_difference where statement = $1", id_)
    inside = list(units.subtree(statement["unit"]))
    days = statement["month"], statement["as_of"]
    await conn.execute(MATCH, id_, statement["unit"], *days, inside, statement["compared"], statement["late_days"])
    assert not await conn.fetch(REMAINDER, id_), "what the bank and the ledger differ by is explained to the last đồng"
    counts = await conn.fetch(
        """
        select kind, count(*) as differences, sum(bank_in_term + bank_overdue + bank_frozen
                                                  - our_in_term - our_overdue - our_frozen)::bigint as outstanding
        from statement_difference where statement = $1 group by kind order by kind
        """,
        id_,
    )
    return [dict(row) for row in counts]


async def owed(conn: Connection, statement_id: object) -> tuple[dict[str, int], dict[str, int]]:
    """What the bank and what the ledger says is owed, by state."""
    row = await conn.fetchrow(
        f"""
        select {each("sum(bank_{0})::bigint as bank_{0}", OWED)}, {each("sum(our_{0})::bigint as our_{0}", OWED)}
        from statement_total where statement = $1
        """,  # noqa: S608  # names of figures
        statement_id,
    )
    assert row is not None, "a sum is always one row"
    return {name: row[f"bank_{name}"] for name in OWED}, {name: row[f"our_{name}"] for name in OWED}
