"""A slow transaction that commits after later ones were published is not skipped."""

from datetime import date
from uuid import uuid4

import asyncpg
import httpx

from contracts.members import MemberEnrolled, MemberSpell
from tests import builders
from tests.faults.recount import journal_faults
from tests.platform import Platform

UNIT = "06652"
ENROL = """
with joined as (
    insert into member (id, unit, branch, name, name_folded, birth_year, ethnicity, ethnicity_system, kind, core,
                        joined_on, status, timeline, version, recorded_at)
    select $1, unit, id, 'Mẫu', 'mau', 1980, '01', '1979', 'ordinary', false, '2021-05-10', 'active', '[]', 1, now()
    from branch where id = $2 returning *
)
insert into journal (id, type, subject, version, occurred_on, unit, branch, data, actor)
select gen_random_uuid(), $3, id, 1, joined_on, unit, branch, $4, 'slow' from joined
"""


async def test_a_transaction_that_commits_late_is_counted_once(stack: Platform) -> None:
    """It takes its journal position first, commits last, and gets the last number: no hole, nothing skipped."""
    async with stack.client("members") as members, stack.client("reporting") as reporting:
        branch = await builders.branch(members, UNIT, f"Khu {uuid4()}")
        spell = MemberSpell(
            since=date(2021, 5, 10),
            cause="began",
            unit=UNIT,
            branch=branch["id"],
            status="active",
            kind="ordinary",
            core=False,
            ethnicity="01",
        )
        state = MemberEnrolled(ethnicity_system="1979", birth_year=1980, timeline=[spell])
        already = await counted(reporting, f"members:{branch['id']}@1")
        slow, subject = await asyncpg.connect(stack.stack.postgres.url("members")), uuid4()
        try:
            transaction = slow.transaction()
            await transaction.start()
            await slow.execute(ENROL, subject, branch["id"], MemberEnrolled.TYPE, state.model_dump_json())
            quick = [await members.post("/v1/members", json=builders.joining(branch)) for _ in range(3)]
            assert await counted(reporting, ",".join(q.headers["journal-position"] for q in quick)) == already + 3
            await transaction.commit()
            assert await counted(reporting, f"members:{subject}@1") == already + 4
            assert await slow.fetchval(
                "select sequence = (select max(sequence) from journal) from journal where subject = $1", subject
            )
            first = await slow.fetchval(
                "select position < all(select position from journal where actor <> 'slow' and unit = $2 and version = 1"
                " and type = $3) from journal where subject = $1",
                subject,
                UNIT,
                MemberEnrolled.TYPE,
            )
            assert first
        finally:
            await slow.close()
    assert await journal_faults(stack, "members") == []


async def counted(reporting: httpx.AsyncClient, position: str) -> int:
    """Active members of the unit, once the position is in the figures."""
    answer = await reporting.get(
        "/v1/figures", params={"indicator": "members.active", "unit": UNIT}, headers={"wait-for": position}
    )
    assert answer.status_code == 200, answer.text
    value: int = answer.json()["items"][0]["value"]
    return value
