"""What was, what was known, and what is taken back."""

from datetime import UTC, datetime

import httpx

from tests.builders import BA_CHE, MONG_DUONG, branch, household, member
from tests.issuer import Issuer
from tests.members.test_members import pointers
from tests.members.test_transfers import asked, days, read, version


async def test_history_tells_what_happened_and_when_it_was_recorded(members: httpx.AsyncClient) -> None:
    """In words of the caller's language, with places by name; up to a day; as known at a time."""
    khu, near = await branch(members), await branch(members, name="Khu 2")
    someone = await member(members, khu)
    path = f"/v1/members/{someone['id']}"
    await members.patch(path, json={"core": True, "effective_on": "2023-01-01"}, headers=version(1))
    between = datetime.now(UTC).isoformat()
    await asked(members, {**someone, "version": 2}, to_branch=near["id"], effective_on=days(30))
    whole = (await members.get(f"{path}/history", headers={"accept-language": "en"})).json()
    assert [
        (s["since"], s["until"], s["said"], s["changed"], s["branch_name"], s["unit_name"]) for s in whole["timeline"]
    ] == [
        ("2021-05-10", "2023-01-01", "Joined", [], "Khu 1", "Phường Mông Dương"),
        ("2023-01-01", days(30), "Details changed", ["core"], "Khu 1", "Phường Mông Dương"),
        (days(30), None, "Transferred", ["branch"], "Khu 2", "Phường Mông Dương"),
    ]
    assert [(v["version"], v["said"], v["actor"]) for v in whole["versions"]] == [
        (1, "Enrolled", "tester"),
        (2, "Corrected or changed", "tester"),
        (3, "Transferred", "tester"),
    ]
    today_ = (await members.get(f"{path}/history", params={"on": days(0)})).json()["timeline"]
    assert [s["said"] for s in today_] == ["Vào Hội", "Thay đổi thông tin"]
    then = (await members.get(f"{path}/history", params={"known_at": between})).json()
    assert (len(then["timeline"]), len(then["versions"])) == (2, 2)
    known = await read(members, someone, on=days(40), known_at=between)
    assert (known["branch"], known["version"]) == (khu["id"], 2)
    assert (await read(members, someone, on=days(40)))["branch"] == near["id"]
    assert (await read(members, someone, on="2022-06-01"))["core"] is False
    for query in ({"on": "2021-05-09"}, {"known_at": "2020-01-01T00:00:00Z"}):
        assert (await members.get(path, params=query)).status_code == 404
    assert (await members.get(f"{path}/history", params={"known_at": "2020-01-01T00:00:00Z"})).status_code == 404
    assert pointers(await members.get(path, params={"known_at": "2020-01-01T00:00:00"})) == {
        ("query:known_at", "timezone_aware")
    }


async def test_a_change_is_taken_back(members: httpx.AsyncClient) -> None:
    """Planned or past, the last first, as if it had never been recorded; its transfer is then cancelled."""
    khu, near = await branch(members), await branch(members, name="Khu 2")
    someone = await member(members, khu)
    path = f"/v1/members/{someone['id']}"
    moved = await asked(members, someone, to_branch=near["id"], effective_on=days(-10))
    core = {"core": True, "effective_on": days(-5)}
    await members.patch(path, json=core, headers=version(2))
    leaving = {"left_on": days(20), "reason": "own_wish"}
    await members.post(f"{path}/departure", json=leaving, headers=version(3))
    for day in ("2021-05-10", days(-10)):
        answer = await members.delete(f"{path}/history/{day}", headers=version(4))
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:danvan:problem:not-taken-back")
    assert (await members.delete(f"{path}/history/{days(-9)}", headers=version(4))).status_code == 404
    assert (await members.delete(f"{path}/history/{days(20)}")).status_code == 428
    assert (await members.delete(f"{path}/history/{days(20)}", headers=version(3))).status_code == 412
    assert (await members.delete(f"{path}/history/{days(20)}", headers=version(4))).json()["status"] == "active"
    assert (await read(members, someone, on=days(30)))["status"] == "active"
    back = (await members.delete(f"{path}/history/{days(-10)}", headers=version(5))).json()
    assert (back["branch"], back["core"], back["version"]) == (khu["id"], True, 6)
    assert (await members.get(f"/v1/transfers/{moved['id']}")).json()["state"] == "cancelled"


async def test_what_is_not_taken_back_says_why(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Back into another commune, into a closed branch, against the household; a planned move is called off by hers."""
    khu, near, far = await branch(members), await branch(members, name="Khu 2"), await branch(members, BA_CHE)
    home = await household(members, khu)
    someone = await member(members, khu, household=home["id"])
    path = f"/v1/members/{someone['id']}"
    status = {"status": "poor", "standard": "mau", "effective_on": "2022-01-01"}
    await members.put(f"/v1/households/{home['id']}/poverty-status/2022", json=status, headers=version(1))
    assert (await members.delete(f"{path}/history/2022-01-01", headers=version(2))).status_code == 409
    for number, offset in ((2, 10), (4, -10)):
        transfer = await asked(members, {**someone, "version": number}, to_branch=far["id"], effective_on=days(offset))
        await members.post(f"/v1/transfers/{transfer['id']}/acceptance", json={}, headers=version(1))
        caller = issuer.headers(MONG_DUONG if offset > 0 else BA_CHE)
        answer = await members.delete(f"{path}/history/{days(offset)}", headers={**caller, **version(number + 1)})
        assert answer.status_code == (200 if offset > 0 else 409)
    assert (await members.delete(f"{path}/history/{days(-10)}", headers=version(5))).json()["unit"] == MONG_DUONG
    await asked(members, {**someone, "version": 6}, to_branch=near["id"], effective_on=days(-10))
    closing = {"closed_on": days(-5)}
    assert (
        await members.post(f"/v1/branches/{khu['id']}/closing", json=closing, headers=version(1))
    ).status_code == 200
    assert (await members.delete(f"{path}/history/{days(-10)}", headers=version(7))).status_code == 409
