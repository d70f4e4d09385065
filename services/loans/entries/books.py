"""What a loan's ledger adds up to: its balances from day to day. Pure: a function of the set of entries.

Within a day entries count in the order of `KINDS`, whenever they were recorded: money paid out before money paid back.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Literal, NamedTuple
from uuid import UUID

from contracts.loans import Flow, FlowKind, LoanStatus

Kind = Literal[
    "disbursement", "principal", "interest", "extension", "to_overdue", "freeze", "unfreeze", "write_off", "reversal"
]
KINDS: tuple[Kind, ...] = (
    *("disbursement", "unfreeze", "extension", "to_overdue", "principal", "interest", "freeze", "write_off"),
)
FLOWS: dict[Kind, FlowKind] = {
    "disbursement": "disbursed",
    "principal": "repaid",
    "interest": "interest",
    "write_off": "written_off",
}
LAST = date.max - timedelta(days=1)


class Entry(NamedTuple):
    """One line of the ledger. `until` is an extension's new due date, or a freeze's last day."""

    id: UUID
    kind: Kind
    amount: int
    occurred_on: date
    until: date | None = None
    reverses: UUID | None = None


class Balance(NamedTuple):
    """What is owed from `since` until the next balance, VND."""

    since: date
    status: LoanStatus
    due_on: date
    in_term: int = 0
    overdue: int = 0
    frozen: int = 0
    overdue_since: date | None = None

    @property
    def outstanding(self) -> int:
        """All that is owed."""
        return self.in_term + self.overdue + self.frozen


class Contract(NamedTuple):
    """What the books begin with."""

    contract_on: date
    due_on: date
    withdrawn_on: date | None = None


class Impossible(Exception):
    """On `day` an entry of `kind` takes more than is there: `available` VND."""

    def __init__(self, entry: Entry, available: int) -> None:
        self.entry, self.available = entry, available
        super().__init__(f"{entry.kind} of {entry.amount} on {entry.occurred_on}: {available} available")


class Freeze(NamedTuple):
    """An amount frozen until a day."""

    until: date
    amount: int


class _Day:
    """The balances as they move on, day after day."""

    def __init__(self, contract: Contract) -> None:
        self.contract, self.due_on = contract, contract.due_on
        self.in_term = self.overdue = 0
        self.frozen: list[Freeze] = []
        self.overdue_since: date | None = None
        self.paid_out, self.ended = False, "repaid"

    def begin(self, day: date) -> None:
        """What happens by date alone: freezes end, and what was due yesterday is overdue."""
        over = [freeze for freeze in self.frozen if freeze.until < day]
        self.frozen = [freeze for freeze in self.frozen if freeze.until >= day]
        self.in_term += sum(freeze.amount for freeze in over)
        self.settle(day)

    def settle(self, day: date) -> None:
        """After the due day nothing is in term."""
        if day > self.due_on:
            self.overdue, self.in_term = self.overdue + self.in_term, 0
        self.overdue_since = (self.overdue_since or day) if self.overdue else None

    def post(self, entry: Entry) -> None:
        """One entry. Impossible if it takes more than is there."""
        amount, until = entry.amount, entry.until or LAST
        frozen = sum(freeze.amount for freeze in self.frozen)
        owed = self.in_term + self.overdue
        available = {
            "principal": owed + frozen,
            "write_off": owed + frozen,
            "to_overdue": self.in_term,
            "freeze": owed,
            "unfreeze": frozen,
            "extension": amount if owed else 0,
            "interest": amount if self.paid_out else 0,
        }.get(entry.kind, amount)
        if amount > available:
            raise Impossible(entry, available)
        match entry.kind:
            case "disbursement":
                self.in_term, self.paid_out = self.in_term + amount, True
            case "principal":
                self.thaw(self.take(amount))
                self.ended = "repaid"
            case "write_off":
                self.take(self.thaw(amount))
                self.ended = "written_off"
            case "to_overdue":
                self.in_term, self.overdue = self.in_term - amount, self.overdue + amount
            case "extension":
                self.in_term, self.overdue, self.due_on = owed, 0, until
            case "freeze":
                self.take(amount)
                self.frozen = sorted([*self.frozen, Freeze(until, amount)])
            case "unfreeze":
                self.thaw(amount)
                self.in_term += amount

    def take(self, amount: int) -> int:
        """Take from overdue debt, then from what is in term; what is left over."""
        late = min(amount, self.overdue)
        now = min(amount - late, self.in_term)
        self.overdue, self.in_term = self.overdue - late, self.in_term - now
        return amount - late - now

    def thaw(self, amount: int) -> int:
        """Take from frozen debt, what ends first first; what is left over."""
        kept = []
        for freeze in self.frozen:
            part = min(amount, freeze.amount)
            amount -= part
            if freeze.amount > part:
                kept.append(Freeze(freeze.until, freeze.amount - part))
        self.frozen = kept
        return amount

    def balance(self, day: date) -> Balance:
        """As of the end of a day."""
        frozen = sum(freeze.amount for freeze in self.frozen)
        since = self.overdue_since if self.overdue else None
        return Balance(day, self.status(day, frozen), self.due_on, self.in_term, self.overdue, frozen, since)

    def status(self, day: date, frozen: int) -> LoanStatus:
        """Frozen before overdue: what is frozen is what is most in need of attention."""
        withdrawn_on = self.contract.withdrawn_on
        if not self.paid_out:
            return "withdrawn" if withdrawn_on is not None and withdrawn_on <= day else "signed"
        if frozen or self.overdue:
            return "frozen" if frozen else "overdue"
        if not self.in_term:
            return "written_off" if self.ended == "written_off" else "repaid"
        return "in_term" if self.due_on == self.contract.due_on else "extended"


def effective(entries: Iterable[Entry]) -> list[Entry]:
    """Entries that count: neither reversed nor reversals; by day, and within a day in the order of `KINDS`."""
    entries = list(entries)
    reversed_ = {entry.reverses for entry in entries}
    found = [entry for entry in entries if entry.kind != "reversal" and entry.id not in reversed_]
    return sorted(found, key=lambda entry: (entry.occurred_on, KINDS.index(entry.kind), entry.id))


def balances(contract: Contract, entries: Iterable[Entry]) -> list[Balance]:
    """The balances from the contract on, oldest first, each other than the one before. Raises Impossible."""
    counted = effective(entries)
    by_day = {day: list(group) for day, group in groupby(counted, key=lambda entry: entry.occurred_on)}
    ends = [contract.due_on, *(entry.until for entry in counted if entry.until)]
    days = {contract.contract_on, *by_day, *(end + timedelta(days=1) for end in ends if end < LAST)}
    books = _Day(contract)
    found: list[Balance] = []
    for day in sorted(days | ({contract.withdrawn_on} if contract.withdrawn_on else set())):
        books.begin(day)
        for entry in by_day.get(day, ()):
            books.post(entry)
        books.settle(day)
        balance = books.balance(day)
        if not found or found[-1] != balance._replace(since=found[-1].since):
            found.append(balance)
    return found


def at(timeline: Sequence[Balance], day: date) -> Balance | None:
    """The balance in force on a day; None before the contract."""
    return next((balance for balance in reversed(timeline) if balance.since <= day), None)


def flows(entries: Iterable[Entry]) -> Iterator[Flow]:
    """Money paid out, paid back and written off, by day and kind."""
    counted = [entry for entry in effective(entries) if entry.kind in FLOWS]
    for (on, kind), group in groupby(counted, key=lambda entry: (entry.occurred_on, entry.kind)):
        yield Flow(on=on, kind=FLOWS[kind], amount=sum(entry.amount for entry in group))


def standing(timeline: Sequence[Balance], entries: Iterable[Entry]) -> tuple[list[tuple[date, bool, bool]], set[date]]:
    """What a borrower is told by: from which days something is owed or overdue, and when money was paid out."""
    found: list[tuple[date, bool, bool]] = []
    for balance in timeline:
        owing, overdue = balance.outstanding > 0, balance.overdue > 0
        if not found or found[-1][1:] != (owing, overdue):
            found.append((balance.since, owing, overdue))
    return found, {entry.occurred_on for entry in effective(entries) if entry.kind == "disbursement"}
