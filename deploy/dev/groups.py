"""The demo's savings-and-credit groups: formed before anybody borrows, rated and saved through since."""

import asyncio
import random
from collections.abc import Sequence

from deploy.dev.province import BA_CHE, MONG_DUONG
from deploy.dev.writer import Body, Writer

FORMED_ON = "2022-01-10"
RATED = (("2024-12", "average"), ("2025-06", "fair"), ("2025-12", "good"))
"""Months, and the rating that most groups get."""
SHEETS = ("2024-12-20", "2025-06-20", "2025-12-20")
RATINGS = ("good", "fair", "average", "weak")
STEP = 10_000


async def form(loans: Writer, code: str, homes: Sequence[Body], who: Sequence[str]) -> None:
    """A commune's groups: one in each branch where enough households borrow, else of about ten households each."""
    branches = len({home["branch"] for home in homes})
    number = branches if len(who) >= 10 * branches else max(1, len(who) // 10)
    pairs = list(zip(who, homes, strict=False))
    await asyncio.gather(*(_one(loans, code, n + 1, pairs[n::number]) for n in range(number)))


async def _one(loans: Writer, code: str, number: int, pairs: Sequence[tuple[str, Body]]) -> None:
    """A group, its ratings and its sheets; outside the golden communes only the last of each.

    In the last sheet some take out a part of what they put in.
    """
    chance = random.Random(f"group {code} {number}")  # noqa: S311  # the same demo every time
    members, (branch, *more) = [borrower for borrower, _ in pairs], {home["branch"] for _, home in pairs}
    body = {
        "unit": code,
        "branch": None if more else branch,
        "name": f"Tổ TK&VV {number} (mẫu)",
        "opened_on": FORMED_ON,
        "members": members,
        "leader": members[0],
        "deputy": members[1],
    }
    group = await loans.send("POST", "/v1/groups", f"group:{code}:{number}", body)
    path = f"/v1/groups/{group['id']}"
    since = 0 if code in (MONG_DUONG, BA_CHE) else -1
    for month, usual in RATED[since:]:
        rating = {"rating": chance.choice((usual, usual, usual, *RATINGS))}
        group = await loans.send("PUT", f"{path}/ratings/{month}", f"{path}:{month}", rating, group["version"])
    for day in SHEETS[since:]:
        lines = [{"borrower": each, "kind": "in", "amount": chance.randint(5, 60) * STEP} for each in members]
        if day == SHEETS[-1]:
            lines += [{"borrower": each, "kind": "out", "amount": 5 * STEP} for each in members[4::5]]
        await loans.send("POST", f"{path}/savings", f"{path}:{day}", {"occurred_on": day, "lines": lines})
