"""What borrowers, applications, loans and savings-and-credit groups add to the figures."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from services.reporting.contributions.cells import (
    FOR_EVER,
    Cell,
    Counted,
    Parts,
    Place,
    State,
    day,
    place_on,
    split,
    stocks,
)

COLLECTED = "loans.collected_principal"


def loan(state: State, _: Place) -> Parts:
    """What is owed, what was paid out and back, and whether anybody looked what became of it."""
    timeline = state["timeline"]
    programme = ("programme", state["programme"])
    source = ("capital_source", state["capital_source"])

    def counted(spell: State) -> Iterator[Counted]:
        if outstanding := spell["in_term"] + spell["overdue"] + spell["frozen"]:
            yield "loans.outstanding", (programme, source), outstanding
        if spell["overdue"]:
            yield "loans.overdue", (programme,), spell["overdue"]
        if spell["frozen"]:
            yield "loans.frozen", (programme,), spell["frozen"]

    yield from stocks(timeline, counted)
    flows = {"disbursed": ("loans.disbursed_amount", (programme, source)), "repaid": (COLLECTED, (programme,))}
    for flow in state["flows"]:
        if found := flows.get(flow["kind"]):
            yield Cell(*found, day(flow["on"])), place_on(timeline, flow["on"]), flow["amount"]
    yield from _checks(timeline, state.get("checks", ()))


def _checks(timeline: list[State], checks: Sequence[State]) -> Parts:
    """A check counts from the day it is due until it is done, and as done on the day it was."""
    spans = [(check["due_on"], check.get("done_on") or FOR_EVER) for check in checks]

    def counted(spell: State) -> Iterator[Counted]:
        if due := sum(first <= spell["since"] < after for first, after in spans):
            yield "loans.checks_due", (), due

    yield from stocks(split(timeline, {on for span in spans for on in span if on < FOR_EVER}), counted)
    for check in checks:
        if done_on := check.get("done_on"):
            done = day(done_on), place_on(timeline, done_on)
            yield Cell("loans.checks_done", (("result", check["result"]),), done[0]), done[1], 1
            if check["result"] == "misused":
                yield Cell("loans.checks_misused", (), done[0]), done[1], 1


def borrower(state: State, _: Place) -> Parts:
    """A household counts once however many loans it has, and in a period once however often it received money."""
    timeline = state["timeline"]

    def counted(spell: State) -> Iterator[Counted]:
        if spell["owing"]:
            yield "loans.borrowers", (("poverty_status", spell.get("poverty_status") or ""),), 1
        if spell["overdue"]:
            yield "loans.overdue_borrowers", (), 1

    yield from stocks(timeline, counted)
    days: dict[str, set[str]] = {"": set()}
    for disbursement in state["disbursements"]:
        days[""].add(disbursement["on"])
        days.setdefault(disbursement["programme"], set()).add(disbursement["on"])
    for programme, on in days.items():
        measure = "loans.disbursed_households" + ("_by_programme" if programme else "")
        dims = (("programme", programme),) if programme else ()
        previous = None
        for current in sorted(on):
            yield Cell(measure, dims, day(current), previous), place_on(timeline, current), 1
            previous = day(current)


def application(state: State, here: Place) -> Parts:
    """Counts on the day it was made, by what has become of it."""
    dims = (("programme", state["programme"]), ("decision", state["decision"]))
    yield Cell("loans.applications", dims, day(state["steps"][0]["on"])), here, 1


def group(state: State, _: Place) -> Parts:
    """A group counts while it is open, by its last rating; what is saved through it counts wherever it is."""
    rated, saved = ([each[name] for each in state[of]] for of, name in (("ratings", "since"), ("savings", "on")))
    held = [0, *accumulate(each["amount"] for each in state["savings"])]

    def counted(spell: State) -> Iterator[Counted]:
        if spell["open"]:
            number = bisect_right(rated, spell["since"])
            rating = state["ratings"][number - 1]["rating"] if number else ""
            yield "loans.groups", (("rating", rating),), 1
        if savings := held[bisect_right(saved, spell["since"])]:
            yield "loans.savings", (), savings

    yield from stocks(split(state["timeline"], {*rated, *saved}), counted)


KINDS: dict[str, Callable[[State, Place], Parts]] = {
    "loans.loan": loan,
    "loans.borrower": borrower,
    "loans.application": application,
    "loans.group": group,
}
