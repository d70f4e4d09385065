"""How money moved between states in a month: one question, which counts every đồng of every loan once.

Money has no name, so of each loan by rule: what is newly lent is in term while there is that much; of what was owed,
as much as is in its state now has stayed there (overdue, if it is the same time overdue); of the rest what was overdue
goes first, then what was in term, frozen, newly lent, and it leaves before it changes its state.
"""

from collections.abc import Sequence

NONE = "none"
IN_TERM, FROZEN, GONE = "0", "cardinality($5::int[]) + 2", "cardinality($5::int[]) + 3"
ORIGINS, TARGETS = ("was", IN_TERM, FROZEN, GONE), (GONE, "is_now", IN_TERM, FROZEN)
REST = ",\n".join(
    f"({origin}, {target}, least(r{m + 1}, t{n + 1}) - greatest(r{m}, t{n}))"
    for m, origin in enumerate(ORIGINS)
    for n, target in enumerate(TARGETS)
)
MOVES = f"""
with books as (
    select coalesce(opened.overdue, 0) as o_overdue, coalesce(opened.in_term, 0) as o_in_term,
           coalesce(opened.frozen, 0) as o_frozen, coalesce(closed.overdue, 0) as c_overdue,
           coalesce(closed.in_term, 0) as c_in_term, coalesce(closed.frozen, 0) as c_frozen,
           coalesce(disbursed, 0) as disbursed, coalesce(repaid, 0) as repaid, coalesce(written_off, 0) as written_off,
           1 + width_bucket($6::date - opened.overdue_since, $5::int[]) as was,
           1 + width_bucket($3 - closed.overdue_since, $5) as is_now,
           coalesce(opened.overdue_since = closed.overdue_since, false) as same
    from {{LOANS}} left join lateral (
        select * from balance where loan = loan.id and since <= $6 order by since desc limit 1
    ) as opened on true left join lateral (
        select * from balance where loan = loan.id and since <= $3 order by since desc limit 1
    ) as closed on true cross join lateral (
        select sum(principal) filter (where 'disbursement' in (kind, reverses_kind)) as disbursed,
               -sum(principal) filter (where 'principal' in (kind, reverses_kind)) as repaid,
               -sum(principal) filter (where 'write_off' in (kind, reverses_kind)) as written_off
        from entry where entry.loan = loan.id and occurred_on > $6 and occurred_on <= $3
    ) as moved
    where {{INSIDE}}
), stayed as (
    select *, least(disbursed, c_in_term) as fresh,
           case when same then least(o_overdue, c_overdue) else 0 end as overdue,
           least(o_in_term, c_in_term - least(disbursed, c_in_term)) as in_term, least(o_frozen, c_frozen) as frozen
    from books
), origins as (
    select *, 0 as r0, o_overdue - overdue as r1, o_overdue - overdue + o_in_term - in_term as r2,
           0 as t0, repaid + written_off as t1, repaid + written_off + c_overdue - overdue as t2
    from stayed
), rest as (
    select *, r2 + o_frozen - frozen as r3, r2 + o_frozen - frozen + disbursed - fresh as r4,
           t2 + c_in_term - in_term - fresh as t3, t2 + c_in_term - in_term - fresh + c_frozen - frozen as t4
    from origins
)
select origin, target, sum(amount)::bigint as amount
from rest, lateral (values
    ({GONE}, {IN_TERM}, fresh), (was, is_now, overdue), ({IN_TERM}, {IN_TERM}, in_term), ({FROZEN}, {FROZEN}, frozen),
    (null, 0, repaid), (null, 1, written_off),
    {REST}
) as cells (origin, target, amount)
where amount > 0 group by 1, 2
"""  # noqa: S608
"""Asked with `LOANS` and `INSIDE`, the last days of the parts of overdue debt ($5), the day before the month ($6)."""


def states(last_days: Sequence[int]) -> list[str]:
    """The states by number: in term, overdue by age, frozen, none."""
    firsts = [1, *(last + 1 for last in last_days)]
    lasts = [*(f"_{last}" for last in last_days), ""]
    aged = [f"overdue_{first}{last}" for first, last in zip(firsts, lasts, strict=True)]
    return ["in_term", *aged, "frozen", NONE]
