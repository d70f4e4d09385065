"""Who and what the demo province holds, decided by chance that is the same every time.

Mông Dương and Ba Chẽ get the published figures exactly; every person and household is generated and says so.
"""

import random
from datetime import date, timedelta
from typing import NamedTuple

PROVINCE, MONG_DUONG, BA_CHE = "22", "06760", "06970"
MILLION = 1_000_000
SOURCES = ("central", "central", "mobilised", "local")
PROGRAMMES = (
    ("poor_household", 100),
    ("near_poor", 100),
    ("job_creation", 200),
    ("newly_escaped", 100),
    ("clean_water", 50),
    ("difficult_areas", 100),
)
"""Those of the demo's loans, with their caps in millions of VND."""
STATUSES = {"poor_household": "poor", "near_poor": "near_poor", "newly_escaped": "newly_escaped"}
"""Whom a programme is for."""
MINORITIES = ("02", "06", "09", "09", "15", "18", "04")


class Plan(NamedTuple):
    """How many records a commune gets."""

    branches: int
    members: int
    minority: int
    borrowers: int


class Loan(NamedTuple):
    """One demo loan: (day, VND) of what was paid out and paid back."""

    programme: str
    disbursed: tuple[tuple[date, int], ...]
    repaid: tuple[tuple[date, int], ...]
    due_on: date
    frozen: tuple[date, int, date] | None = None
    """(day, VND, last day)"""

    @property
    def status(self) -> str:
        """The household's poverty status."""
        return STATUSES.get(self.programme, "other")


def contract_number(code: str, number: int) -> str:
    """Of a commune's loan, counted from 1."""
    return f"DEMO/{code}-{number:05d}"


def customer_code(code: str, number: int) -> str:
    """Of its borrower."""
    return f"{code}-{number:05d}"


def drawn(code: str) -> tuple[Plan, list[Loan], random.Random]:
    """What a commune holds and who borrows there, and the chance that decides what follows."""
    chance = random.Random(f"danvan {code}")  # noqa: S311  # the same demo every time
    plan = plan_of(code, chance)
    return plan, golden_loans(chance) if code == MONG_DUONG else some_loans(plan.borrowers, chance), chance


def plan_of(code: str, chance: random.Random) -> Plan:
    """The golden communes exactly; the others by chance."""
    if code == MONG_DUONG:
        return Plan(26, 1_400, 168, 333)
    if code == BA_CHE:
        return Plan(25, 1_000, 767, 60)
    members = chance.randint(150, 320)
    return Plan(
        chance.randint(4, 8), members, round(members * chance.choice((0.02, 0.05, 0.14, 0.38))), chance.randint(8, 20)
    )


def golden_loans(chance: random.Random) -> list[Loan]:
    """Mông Dương's 333 loans: the first 94 were disbursed in 2025, nine of them in two tranches."""
    found = []
    for number, amount in enumerate(parts(9_248, 94, chance)):
        start = date(2025, 1, 10) + timedelta(days=chance.randint(0, 250))
        half = amount // 2 // MILLION * MILLION
        tranches = ((start, half), (start + timedelta(days=60), amount - half)) if number < 9 else ((start, amount),)
        repaid = ((start + timedelta(days=75), 10 * MILLION),) if number < 31 else ()
        found.append(Loan("job_creation", tranches, repaid, date(2029, 6, 30)))
    for owed in parts(23_300 - 9_248 + 310, 239, chance):
        start = date(2022, 3, 1) + timedelta(days=chance.randint(0, 900))
        back = chance.randint(1, 9) * MILLION
        programme = chance.choice(PROGRAMMES[:3])[0] if owed + back <= 100 * MILLION else "job_creation"
        repaid = ((start + timedelta(days=100), back),)
        found.append(Loan(programme, ((start, owed + back),), repaid, date(2027, 12, 31)))
    return found


def some_loans(number: int, chance: random.Random) -> list[Loan]:
    """Loans of any other commune: a few are paid back; one in forty is overdue since March 2026, one half frozen."""
    found = []
    for _ in range(number):
        code, cap = chance.choice(PROGRAMMES)
        amount = chance.randint(cap // 3, cap) * MILLION
        start = date(2022, 6, 1) + timedelta(days=chance.randint(0, 1_300))
        late = chance.random() < 1 / 40
        back = amount if chance.random() < 0.05 else chance.randint(1, cap // 4) * MILLION
        repaid = ((start + timedelta(days=120), back),) if not late else ()
        due = date(2026, 3, 31) if late else start + timedelta(days=1_700)
        freezes = not late and back <= amount // 2 and chance.random() < 1 / 40
        frozen = (date(2026, 9, 10), amount // 2, date(2028, 9, 9)) if freezes else None
        found.append(Loan(code, ((start, amount),), repaid, due, frozen))
    return found


def parts(millions: int, number: int, chance: random.Random) -> list[int]:
    """`number` amounts in VND, whole millions, that add up exactly; each within 40 % of the mean."""
    mean, over = divmod(millions, number)
    amounts = [mean + (index < over) for index in range(number)]
    for _ in range(number):
        giver, taker = chance.sample(range(number), 2)
        move = chance.randint(0, max(0, min(amounts[giver] - mean * 6 // 10, mean * 14 // 10 - amounts[taker])))
        amounts[giver] -= move
        amounts[taker] += move
    return [amount * MILLION for amount in amounts]
