"""Transfers inside a commune and between communes; leaving and coming back; what is still to come."""

import asyncio
from datetime import date, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from contracts import units
from services.chassis.clock import today
from services.chassis.db import Connection
from services.chassis.errors import Conflict
from services.chassis.reach import Reach
from services.members.branches import commands as branches
from services.members.branches.schemas import ClosingIn
from services.members.members import commands
from services.members.members.schemas import MemberIn
from tests.builders import BA_CHE, MONG_DUONG, branch, household, made, member
from tests.chassis import bus
from tests.issuer import Issuer
from tests.members.test_members import journal, pointers

Body = dict[str, Any]


def version(number: int) -> dict[str, str]:
    """The If-Match header."""
    return {"if-match": f'"{number}"'}


def days(offset: int) -> str:
    """So many days from today."""
    return str(today() + timedelta(days=offset))


async def waiting(conn: Connection) -> bool:
    """Whether somebody waits for a lock in this database."""
    return bool(
        await conn.fetchval(
            """
            select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
            """
        )
    )


async def asked(members: httpx.AsyncClient, someone: Body, /, status: int = 201, **body: Any) -> Body:
    """A transfer of a member, by default of last month."""
    path = f"/v1/members/{someone['id']}/transfers"
    body = {"effective_on": days(-30), **body}
    return await made(await members.post(path, json=body, headers=version(someone["version"])), status)


async def read(members: httpx.AsyncClient, someone: Body, **query: str) -> Body:
    """The member now, or as the query says."""
    return await made(await members.get(f"/v1/members/{someone['id']}", params=query), 200)


async def test_inside_a_commune_a_member_moves_at_once(members: httpx.AsyncClient, url: str) -> None:
    """She is in the other branch from the day on, without household and its status unless another is named."""
    khu, other = await branch(members), await branch(members, name="Khu 2")
    home, near = await household(members, khu), await household(members, other)
    status = {"status": "poor", "standard": "mau", "effective_on": "2022-01-01"}
    await members.put(f"/v1/households/{near['id']}/poverty-status/2022", json=status, headers=version(1))
    someone = await member(members, khu, household=home["id"])
    moved = await asked(members, someone, to_branch=other["id"])
    assert (moved["state"], moved["from_branch"], moved["to_branch"]) == ("accepted", khu["id"], other["id"])
    now = await read(members, someone)
    assert (now["branch"], now["household"], now["poverty_status"], now["version"]) == (other["id"], None, None, 2)
    assert (await read(members, someone, on=days(-31)))["branch"] == khu["id"]
    back = await asked(members, now, to_branch=khu["id"], effective_on=days(-10))
    again = await asked(
        members, await read(members, now), to_branch=other["id"], household=near["id"], effective_on=days(-5)
    )
    assert back["state"] == again["state"] == "accepted"
    assert (await read(members, someone))["poverty_status"] == "poor"
    kinds = [row["type"].split(".")[4] for row in await journal(url)][-6:]
    assert kinds == ["transferred", "settled"] * 3


async def test_between_communes_the_receiver_decides(members: httpx.AsyncClient, issuer: Issuer, url: str) -> None:
    """Until then she stays where she is; the receiver sees the name, chooses branch and day; nobody else decides."""
    khu, far = await branch(members), await branch(members, BA_CHE)
    someone = await member(members, khu)
    sender, receiver = issuer.headers(MONG_DUONG), issuer.headers(BA_CHE)
    path = f"/v1/members/{someone['id']}/transfers"
    body = {"to_unit": BA_CHE, "effective_on": days(-30), "reason": "lấy chồng"}
    request = await made(await members.post(path, json=body, headers={**sender, **version(1)}))
    assert (request["state"], request["to_branch"], request["name"]) == ("requested", None, None)
    assert (await read(members, someone))["unit"] == MONG_DUONG
    assert (await members.get(f"/v1/members/{someone['id']}", headers=receiver)).status_code == 404
    for direction, caller, count in (("incoming", receiver, 1), ("incoming", sender, 0), ("outgoing", sender, 1)):
        query = {"direction": direction, "state": "requested", "member": someone["id"]}
        found = (await members.get("/v1/transfers", params=query, headers=caller)).json()["items"]
        assert [item["name"] for item in found] == ["Hội viên Mẫu 1"] * count
    at = f"/v1/transfers/{request['id']}"
    assert (await members.get(at, headers=receiver)).headers["etag"] == '"1"'
    plain = issuer.headers(BA_CHE, scope="members:read members:write")
    assert (await members.get(at, headers=plain)).json()["name"] is None
    assert (await members.get(at, headers=issuer.headers("06688"))).status_code == 404
    chosen = {"branch": far["id"], "effective_on": days(-20)}
    denied = await members.post(f"{at}/acceptance", json=chosen, headers={**sender, **version(1)})
    assert denied.status_code == 403
    assert (await members.post(f"{at}/withdrawal", headers={**receiver, **version(1)})).status_code == 403
    answer = await members.post(f"{at}/acceptance", json={}, headers={**receiver, **version(1)})
    assert pointers(answer) == {("/branch", "missing")}
    answer = await members.post(f"{at}/acceptance", json={"branch": khu["id"]}, headers={**receiver, **version(1)})
    assert pointers(answer) == {("/branch", "unknown")}
    assert (await members.post(f"{at}/acceptance", json=chosen, headers=receiver)).status_code == 428
    assert (await members.post(f"{at}/acceptance", json=chosen, headers={**receiver, **version(2)})).status_code == 412
    done = await made(await members.post(f"{at}/acceptance", json=chosen, headers={**receiver, **version(1)}), 200)
    assert (done["state"], done["to_branch"], done["effective_on"]) == ("accepted", far["id"], days(-20))
    assert (await members.get(f"/v1/members/{someone['id']}", headers=receiver)).json()["branch"] == far["id"]
    assert (await members.get(f"/v1/members/{someone['id']}", headers=sender)).status_code == 404
    again = await members.post(f"{at}/refusal", json={"reason": "mẫu"}, headers={**receiver, **version(2)})
    assert (again.status_code, again.json()["type"]) == (409, "urn:danvan:problem:transfer-accepted")
    events = [(row["type"].split(".")[3:5], row["unit"]) for row in await journal(url)][-3:]
    assert events == [
        (["transfer", "requested"], BA_CHE),
        (["member", "transferred"], BA_CHE),
        (["transfer", "settled"], MONG_DUONG),
    ]
    assert not any("chồng" in str(row["data"]) or "Mẫu" in str(row["data"]) for row in await journal(url))


async def test_a_request_is_refused_withdrawn_or_made_again(members: httpx.AsyncClient) -> None:
    """One at a time; after a refusal or a withdrawal there may be another; the reason stays with it."""
    khu, far = await branch(members), await branch(members, BA_CHE)
    someone = await member(members, khu)
    first = await asked(members, someone, to_branch=far["id"])
    twice = await asked(members, someone, 409, to_branch=far["id"])
    assert twice["type"] == "urn:danvan:problem:transfer-requested"
    path = f"/v1/transfers/{first['id']}"
    refused = await made(await members.post(f"{path}/refusal", json={"reason": "sai xã"}, headers=version(1)), 200)
    assert (refused["state"], refused["refusal_reason"]) == ("refused", None)
    assert (await members.get(path)).json()["refusal_reason"] == "sai xã"
    second = await asked(members, someone, to_unit=BA_CHE)
    withdrawn = await made(await members.post(f"/v1/transfers/{second['id']}/withdrawal", headers=version(1)), 200)
    assert withdrawn["state"] == "withdrawn"
    seen = [(await members.get("/v1/transfers?limit=1")).json()]
    seen.append((await members.get("/v1/transfers", params={"cursor": seen[0]["next_cursor"]})).json())
    assert [item["state"] for page in seen for item in page["items"]] == ["refused", "withdrawn"]
    assert (await read(members, someone))["version"] == 1


async def test_who_is_gone_meanwhile_cannot_be_accepted(members: httpx.AsyncClient) -> None:
    """She left, moved inside her commune, or was merged: the request is void, and the refusal says so."""
    khu, near, far = await branch(members), await branch(members, name="Khu 2"), await branch(members, BA_CHE)
    other = await member(members, khu, name="Hội viên Mẫu 2")
    for number, name in enumerate(("departure", "transfers", "merge")):
        someone = await member(members, khu, name=f"Hội viên Mẫu {number}")
        request = await asked(members, someone, to_branch=far["id"])
        ways = {
            "departure": (someone, {"left_on": days(-1), "reason": "deceased"}),
            "transfers": (someone, {"to_branch": near["id"], "effective_on": days(-1)}),
            "merge": (other, {"duplicate": someone["id"]}),
        }
        subject, body = ways[name]
        done = await members.post(f"/v1/members/{subject['id']}/{name}", json=body, headers=version(1))
        assert done.is_success, done.text
        answer = await members.post(f"/v1/transfers/{request['id']}/acceptance", json={}, headers=version(1))
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:danvan:problem:transfer-void")
        assert (await members.get(f"/v1/transfers/{request['id']}")).json()["state"] == "void"


async def test_of_thirty_decisions_at_once_one_holds(members: httpx.AsyncClient, url: str) -> None:
    """Acceptances and refusals together: one succeeds, the others are told that it is decided."""
    khu, far = await branch(members), await branch(members, BA_CHE)
    someone = await member(members, khu)
    at = f"/v1/transfers/{(await asked(members, someone, to_branch=far['id']))['id']}"
    ways: list[tuple[str, Body]] = [("acceptance", {}), ("refusal", {"reason": "mẫu"})]
    answers = await asyncio.gather(
        *(members.post(f"{at}/{way}", json=body, headers=version(1)) for way, body in ways * 15)
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [409] * 29
    state = (await members.get(at)).json()["state"]
    assert (await read(members, someone))["unit"] == (BA_CHE if state == "accepted" else MONG_DUONG)
    settled = [row for row in await journal(url) if "settled" in row["type"]]
    assert [row["data"]["state"] for row in settled] == [state]


async def test_each_field_of_a_transfer_at_fault_is_named(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Nowhere, twice, here already, closed, unknown; before joining, years ahead, before a move, after leaving."""
    khu, near, shut = [await branch(members, name=f"Khu {n}") for n in range(3)]
    await members.post(f"/v1/branches/{shut['id']}/closing", json={"closed_on": "2020-01-01"}, headers=version(1))
    far = await branch(members, BA_CHE)
    home = await household(members, far)
    someone = await member(members, khu)
    path = f"/v1/members/{someone['id']}/transfers"
    day = {"effective_on": days(-30)}
    for body, expected in (
        (day, ("", "one_place")),
        ({**day, "to_branch": far["id"], "to_unit": BA_CHE}, ("", "one_place")),
        ({**day, "to_branch": khu["id"]}, ("/to_branch", "same")),
        ({**day, "to_unit": MONG_DUONG}, ("/to_unit", "same")),
        ({**day, "to_unit": "00001"}, ("/to_unit", "unknown")),
        ({**day, "to_branch": shut["id"]}, ("/to_branch", "closed")),
        ({**day, "to_branch": home["id"]}, ("/to_branch", "unknown")),
        ({**day, "to_branch": near["id"], "household": home["id"]}, ("/household", "elsewhere")),
        ({**day, "to_unit": BA_CHE, "household": home["id"]}, ("/household", "unknown")),
        ({"to_branch": near["id"], "effective_on": "2021-05-09"}, ("/effective_on", "outside")),
        ({"to_branch": near["id"], "effective_on": days(367)}, ("/effective_on", "outside")),
    ):
        assert pointers(await members.post(path, json=body, headers=version(1))) == {expected}, body
    elsewhere = await members.post(path, json=day, headers={**issuer.headers(BA_CHE), **version(1)})
    assert pointers(elsewhere) == {("", "one_place")}
    body = {**day, "to_branch": near["id"]}
    assert (await members.post(path, json=body, headers={**issuer.headers(BA_CHE), **version(1)})).status_code == 404
    await asked(members, someone, to_branch=near["id"])
    late = {"to_branch": khu["id"], "effective_on": days(-60)}
    assert pointers(await members.post(path, json={**late, "to_branch": far["id"]}, headers=version(2))) == {
        ("/effective_on", "after_change")
    }
    leaving = {"left_on": days(-10), "reason": "own_wish"}
    await members.post(f"/v1/members/{someone['id']}/departure", json=leaving, headers=version(2))
    gone = await members.post(path, json={**late, "effective_on": days(-5)}, headers=version(3))
    assert gone.json()["type"] == "urn:danvan:problem:member-left"


async def test_who_left_comes_back(members: httpx.AsyncClient, url: str) -> None:
    """Into an open branch, not before she left, not when she is there, not from the dead."""
    khu, near = await branch(members), await branch(members, name="Khu 2")
    someone = await member(members, khu, core=True)
    path = f"/v1/members/{someone['id']}"
    body = {"branch": near["id"], "joined_on": days(-10)}
    there = await members.post(f"{path}/rejoin", json=body, headers=version(1))
    assert there.json()["type"] == "urn:danvan:problem:member-active"
    leaving = {"left_on": days(-20), "reason": "own_wish"}
    await members.post(f"{path}/departure", json=leaving, headers=version(1))
    for day in (-21, 367):
        answer = await members.post(f"{path}/rejoin", json={**body, "joined_on": days(day)}, headers=version(2))
        assert pointers(answer) == {("/joined_on", "outside")}
    nowhere = await members.post(f"{path}/rejoin", json={**body, "branch": someone["id"]}, headers=version(2))
    assert pointers(nowhere) == {("/branch", "unknown")}
    back = await made(await members.post(f"{path}/rejoin", json={**body, "kind": "honorary"}, headers=version(2)), 200)
    assert (back["status"], back["branch"], back["joined_on"], back["left_on"]) == (
        *("active", near["id"], days(-10)),
        None,
    )
    assert (back["kind"], back["core"], back["leaving_reason"]) == ("honorary", True, None)
    assert (await read(members, someone, on=days(-15)))["status"] == "left"
    assert (await journal(url))[-1]["type"].endswith("member.rejoined.v1")
    died = {"left_on": days(-1), "reason": "deceased"}
    await members.post(f"{path}/departure", json=died, headers=version(3))
    dead = await members.post(f"{path}/rejoin", json={**body, "joined_on": days(0)}, headers=version(4))
    assert dead.json()["type"] == "urn:danvan:problem:member-deceased"


async def test_what_is_to_come_begins_on_its_day(members: httpx.AsyncClient, url: str) -> None:
    """Until then lists and the record say what holds; when the day has come the sweep brings the lists there: no event,
    no version, once or twice, and not over what was written meanwhile."""
    khu, near = await branch(members), await branch(members, name="Khu 2")
    someone = await member(members, khu)
    await asked(members, someone, to_branch=near["id"], effective_on=days(40))
    leaving = {"left_on": days(50), "reason": "own_wish"}
    await made(await members.post(f"/v1/members/{someone['id']}/departure", json=leaving, headers=version(2)), 200)
    assert ((await read(members, someone))["branch"], (await read(members, someone, on=days(40)))["branch"]) == (
        khu["id"],
        near["id"],
    )
    closing = {"closed_on": days(0)}
    shut = await members.post(f"/v1/branches/{near['id']}/closing", json=closing, headers=version(1))
    assert shut.json()["type"] == "urn:danvan:problem:branch-not-empty"
    before = len(await journal(url))
    conn = await asyncpg.connect(url)
    told = []
    for offset in (39, 40, 40, 49, 50, 51):
        await commands.sweep(conn, today() + timedelta(days=offset))
        row = await conn.fetchrow("select branch::text, status, due_on::text, version from member")
        told.append(tuple(row or ()))
    await conn.close()
    moved = (near["id"], "active", days(50), 3)
    assert told == [(khu["id"], "active", days(40), 3), *[moved] * 3, *[(near["id"], "left", None, 3)] * 2]
    assert len(await journal(url)) == before


async def test_a_sweep_leaves_alone_who_is_being_written(members: httpx.AsyncClient, url: str) -> None:
    """It waits for the writer, then finds another version and changes nothing."""
    khu, near = await branch(members), await branch(members, name="Khu 2")
    someone = await member(members, khu)
    await asked(members, someone, to_branch=near["id"], effective_on=days(40))
    writer, sweeper = await asyncpg.connect(url), await asyncpg.connect(url)
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute("update member set version = 3, kind = 'honorary'")
    sweeping = asyncio.create_task(commands.sweep(sweeper, today() + timedelta(days=40)))
    await bus.until(lambda: waiting(writer))
    await transaction.commit()
    await sweeping
    row = await writer.fetchrow("select branch::text, kind, version from member")
    await writer.close()
    await sweeper.close()
    assert tuple(row or ()) == (khu["id"], "honorary", 3)


async def test_a_branch_does_not_close_over_who_is_just_joining(members: httpx.AsyncClient, url: str) -> None:
    """Closing waits for the enrolment that was first, and then sees her."""
    khu = await branch(members)
    reach = Reach(units.subtree("22"))
    enrolling, closing = await asyncpg.connect(url), await asyncpg.connect(url)
    transaction = enrolling.transaction()
    await transaction.start()
    body = MemberIn(branch=khu["id"], name="Hội viên Mẫu", joined_on=date(2021, 1, 1))
    await commands.enrol(enrolling, reach, body)

    async def close() -> None:
        async with closing.transaction():
            await branches.close(closing, reach, body.branch, 1, ClosingIn(closed_on=date(2024, 1, 1)))

    task = asyncio.create_task(close())
    await bus.until(lambda: waiting(enrolling))
    await transaction.commit()
    with pytest.raises(Conflict, match="active members"):
        await task
    await enrolling.close()
    await closing.close()
