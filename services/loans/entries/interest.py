"""Interest on a loan's balances, and how its principal is to be paid back. Pure.

Interest runs by the day on a year of 365 days (Circular 14/2017/TT-NHNN): on what is in term at the contract's rate, on
what is overdue at a percentage of it, on what is frozen not at all. The day's balance is the one at its end, so the day
of disbursement bears interest and the day of repayment does not.
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from services.loans.entries.books import Balance

YEAR_DAYS, PPM, PERCENT = 365, 1_000_000, 100
MONTHS = 12


class Rates(NamedTuple):
    """The contract's yearly rate in parts per million, and what overdue debt bears in percent of it."""

    annual_rate_ppm: int
    overdue_rate_percent: int


class Instalment(NamedTuple):
    """What is to be paid on a day, VND; the interest on the balance until then, if all goes as planned."""

    due_on: date
    principal: int
    interest: int


def accrued(rates: Rates, timeline: Sequence[Balance], until: date) -> int:
    """Interest that has run by the morning of a day, whole VND, rounded half up once."""
    ends = [following.since for _, following in pairwise(timeline)] + [date.max]
    total = 0
    for balance, end in zip(timeline, ends, strict=True):
        days = (min(end, until) - balance.since).days
        if days > 0:
            weighted = balance.in_term * PERCENT + balance.overdue * rates.overdue_rate_percent
            total += weighted * days
    return whole(total * rates.annual_rate_ppm)


def whole(run: int) -> int:
    """Whole VND of interest that has run (VND times days, ppm a year and percent of that rate), rounded half up."""
    unit = YEAR_DAYS * PPM * PERCENT
    return (2 * run + unit) // (2 * unit)


def schedule(rates: Rates, balance: Balance, day: date, every_months: int) -> list[Instalment]:
    """Equal instalments of what is in term on a day, every so many months until it is due, the last with the rest."""
    if not balance.in_term or day >= balance.due_on:
        return []
    dates, number = [], 1
    while (on := months_after(day, number * every_months)) < balance.due_on:
        dates.append(on)
        number += 1
    dates.append(balance.due_on)
    found, owed, since = [], balance.in_term, day
    for left, on in zip(range(len(dates), 0, -1), dates, strict=True):
        principal = owed // left
        running = [Balance(since, "in_term", balance.due_on, in_term=owed)]
        found.append(Instalment(on, principal, accrued(rates, running, on)))
        owed, since = owed - principal, on
    return found


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the month's last."""
    year, month = divmod(day.year * MONTHS + day.month - 1 + months, MONTHS)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def months_between(first: date, last: date) -> int:
    """Months begun from the first day to the last: a term of so many months."""
    months = (last.year - first.year) * MONTHS + last.month - first.month
    return months + (last > months_after(first, months))
