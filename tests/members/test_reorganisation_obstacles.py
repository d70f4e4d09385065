"""What stands against a plan by branches."""

import httpx

from tests.builders import branch, household, made, member
from tests.members.planning import HA_KHAU, TUAN_CHAU, VIET_HUNG, drafted, goes, preview, read, refused, step
from tests.members.test_transfers import version


async def test_nobody_is_parted_from_her_household(members: httpx.AsyncClient) -> None:
    """Her household is another branch's that goes elsewhere: how many and where is told, and the plan refused; not if
    both go one way, if the household is split off that way, or of who has left."""
    one, two = await branch(members, HA_KHAU), await branch(members, HA_KHAU, "Khu 2")
    home, near = await household(members, two), await household(members, one)
    who = [await member(members, one, household=home["id"]) for _ in range(3)]
    await member(members, one, household=near["id"])
    left = {"left_on": "2024-01-01", "reason": "own_wish"}
    await made(await members.post(f"/v1/members/{who[2]['id']}/departure", json=left, headers=version(1)), 200)
    plan = await drafted(members, goes(HA_KHAU, VIET_HUNG, one), goes(HA_KHAU, TUAN_CHAU, two))
    (told,) = (await preview(members, plan))["obstacles"]
    assert (told["pointer"], told["code"]) == (f"/parted/{one['id']}", "parted")
    assert all(word in told["message"] for word in ("2 hội viên", "Khu 1", "Khu 2", VIET_HUNG, TUAN_CHAU))
    answer = await step(members, plan, "application", 409)
    assert (answer["type"], refused(answer)) == (
        "urn:danvan:problem:plan-incomplete",
        {(f"/parted/{one['id']}", "parted")},
    )
    assert (await read(members, "members", who[0]))["unit"] == HA_KHAU
    together = await drafted(members, goes(HA_KHAU, VIET_HUNG, one, two))
    assert (await preview(members, together))["obstacles"] == []
    split = {"branch": two["id"], "households": [home["id"]]}
    apart = await drafted(members, goes(HA_KHAU, VIET_HUNG, one, splits=[split]), goes(HA_KHAU, TUAN_CHAU, two))
    assert (await preview(members, apart))["obstacles"] == []
    await step(members, apart, "application")
    there = [await read(members, "members", who[0]), await read(members, "households", home)]
    assert [each["unit"] for each in there] == [VIET_HUNG, VIET_HUNG]
