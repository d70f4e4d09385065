"""Member events as a province's would be: 54 communes, 1,800 branches, joined over ten years."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import UUID

from contracts import units
from contracts.members import MemberEnrolled, MemberSpell
from services.chassis.journal import new_id

COMMUNES = [unit.code for unit in units.children("22")]
BRANCHES = 1_800
ETHNICITIES = ["01"] * 82 + ["09"] * 6 + ["02"] * 4 + ["18", "15", "04", "06"] * 2


def enrolments(number: int, seed: int = 1) -> Iterator[tuple[UUID, str, UUID, date, str]]:
    """Subject, unit, branch, day and `data` of so many enrolments."""
    chance = random.Random(seed)
    branches = [(COMMUNES[n % len(COMMUNES)], new_id()) for n in range(BRANCHES)]
    start = date(2015, 7, 1)
    for _ in range(number):
        unit, branch = chance.choice(branches)
        day = start + timedelta(days=int(chance.random() * 3_650))
        spell = MemberSpell(
            since=day,
            cause="began",
            unit=unit,
            branch=branch,
            status="active",
            kind="honorary" if chance.random() < 0.01 else "ordinary",
            core=chance.random() < 0.1,
            ethnicity=chance.choice(ETHNICITIES),
        )
        data = MemberEnrolled(ethnicity_system="1979", birth_year=chance.randint(1945, 2005), timeline=[spell])
        yield new_id(), unit, branch, day, data.model_dump_json()
