"""Groups, offices, fees and declared populations; and what each journals."""

from datetime import timedelta
from typing import Any

import httpx

from contracts.calendars import LAST
from services.chassis.clock import today
from tests.builders import BA_CHE, branch, joining, made, member
from tests.issuer import Issuer
from tests.members.test_members import journal, pointers


async def group(members: httpx.AsyncClient, khu: dict[str, Any], name: str = "Tổ 1", **fields: Any) -> dict[str, Any]:
    """A group formed in 2012."""
    body = {"branch": khu["id"], "name": name, "opened_on": "2012-01-01", **fields}
    return await made(await members.post("/v1/groups", json=body))


def version(number: int) -> dict[str, str]:
    """The If-Match header."""
    return {"if-match": f'"{number}"'}


async def test_a_group_is_formed_put_right_and_closed(members: httpx.AsyncClient, url: str, issuer: Issuer) -> None:
    """In an open branch, of another name than its open groups; it closes when nobody is left in it."""
    khu = await branch(members)
    to = await group(members, khu)
    path = f"/v1/groups/{to['id']}"
    assert (await members.get(path)).json() == to
    assert (await members.get(path, headers=issuer.headers(BA_CHE))).status_code == 404
    same = await members.post("/v1/groups", json={"branch": khu["id"], "name": "to 1", "opened_on": "2013-01-01"})
    assert pointers(same, 409) == {("/name", "taken")}
    for body, expected in (
        ({"opened_on": "2009-01-01"}, ("/opened_on", "before_branch")),
        ({"opened_on": str(today() + timedelta(days=1))}, ("/opened_on", "future")),
        ({"branch": to["id"]}, ("/branch", "unknown")),
    ):
        refused = {"branch": khu["id"], "name": "Tổ 2", "opened_on": "2013-01-01", **body}
        assert pointers(await members.post("/v1/groups", json=refused)) == {expected}
    patched = await members.patch(path, json={"name": "Tổ Hoa", "opened_on": "2011-01-01"}, headers=version(1))
    assert (patched.json()["name"], patched.json()["timeline"][0]["since"]) == ("Tổ Hoa", "2011-01-01")
    someone = await member(members, khu, group=to["id"])
    closing = f"{path}/closing"
    full = await members.post(closing, json={"closed_on": "2024-01-01"}, headers=version(2))
    assert full.json()["type"] == "urn:danvan:problem:group-not-empty"
    moved = {"group": None, "effective_on": "2023-06-01"}
    assert (await members.patch(f"/v1/members/{someone['id']}", json=moved, headers=version(1))).status_code == 200
    assert (await members.post(closing, json={"closed_on": "2024-01-01"}, headers=version(2))).status_code == 200
    again = await members.post(closing, json={"closed_on": "2024-01-01"}, headers=version(3))
    assert again.json()["type"] == "urn:danvan:problem:group-closed"
    assert pointers(await members.post("/v1/members", json=joining(khu, group=to["id"]))) == {("/group", "unknown")}
    types = [row["type"].split(".")[3:5] for row in await journal(url) if ".group." in row["type"]]
    assert types == [["group", "created"], ["group", "corrected"], ["group", "closed"]]


async def test_a_group_belongs_to_its_branch(members: httpx.AsyncClient) -> None:
    """A member is in a group of her own branch; lists narrow by unit and branch."""
    here, there = await branch(members), await branch(members, name="Khu 2")
    to = await group(members, there)
    assert pointers(await members.post("/v1/members", json=joining(here, group=to["id"]))) == {("/group", "unknown")}
    assert (await member(members, there, group=to["id"]))["group"] == to["id"]
    found = [
        len((await members.get("/v1/groups", params=query)).json()["items"])
        for query in ({"branch": there["id"]}, {"branch": here["id"]}, {"unit": "06760"}, {"unit": BA_CHE})
    ]
    assert found == [1, 0, 1, 0]


async def test_an_office_is_taken_up_and_left(members: httpx.AsyncClient, url: str, issuer: Issuer) -> None:
    """Where she is a member and while she is one; not twice at once; who holds it on a day is listed."""
    khu = await branch(members)
    someone = await member(members, khu)
    path = f"/v1/members/{someone['id']}/roles"
    head = {"level": "branch", "position": "head", "since": "2022-01-01"}
    answer = await members.post(path, json=head, headers=version(1))
    role = await made(answer)
    assert (role["place"], answer.headers["etag"]) == (khu["id"], '"2"')
    twice = await members.post(path, json={**head, "since": "2023-01-01"}, headers=version(2))
    assert twice.json()["type"] == "urn:danvan:problem:office-held"
    for body, expected in (
        ({**head, "level": "commune"}, ("", "position")),
        ({**head, "level": "group"}, ("/level", "no_group")),
        ({**head, "since": "2020-01-01"}, ("/since", "outside")),
        ({**head, "until": "2021-01-01"}, ("", "until")),
    ):
        assert pointers(await members.post(path, json=body, headers=version(2))) == {expected}
    (listed,) = (await members.get("/v1/roles", params={"on": "2022-01-01", "level": "branch"})).json()["items"]
    assert (listed["member"], listed["name"]) == (someone["id"], "Hội viên Mẫu 1")
    plain = issuer.headers(scope="members:read")
    assert (await members.get("/v1/roles", headers=plain)).json()["items"][0]["name"] is None
    ended = await members.post(f"{path}/{role['id']}/end", json={"until": "2024-01-01"}, headers=version(2))
    assert ended.json()["until"] == "2024-01-01"
    assert (await members.get("/v1/roles")).json()["items"] == []
    assert (await members.get(path)).json()["items"] == [ended.json()]
    gone = await members.delete(f"{path}/{role['id']}", headers=version(3))
    assert (gone.status_code, (await members.get(path)).json()["items"]) == (204, [])
    assert (await members.delete(f"{path}/{role['id']}", headers=version(4))).status_code == 404
    changed = [row["data"]["roles"] for row in await journal(url) if "roles_changed" in row["type"]]
    assert [len(roles) for roles in changed] == [1, 1, 0]


async def test_a_fee_is_recorded_once_a_year(members: httpx.AsyncClient, url: str) -> None:
    """Said again it replaces; not before joining, not ahead of today; a mistake is taken back."""
    someone = await member(members, await branch(members))
    path = f"/v1/members/{someone['id']}/fees"
    first = await members.put(f"{path}/2024", json={"on": "2024-03-08"}, headers=version(1))
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    second = await members.put(f"{path}/2024", json={"standing": "exempt", "on": "2024-04-01"}, headers=version(2))
    fees = (await members.get(path)).json()["items"]
    assert fees == [second.json()] == [{"year": 2024, "standing": "exempt", "on": "2024-04-01"}]
    for year, on, code in (
        (2024, "2020-01-01", "outside"),
        (2020, "2024-01-01", "outside"),
        (2026, "2199-01-01", "future"),
    ):
        assert pointers(await members.put(f"{path}/{year}", json={"on": on}, headers=version(3))) == {("/on", code)}
    assert (await members.delete(f"{path}/2024", headers=version(3))).status_code == 204
    assert (await members.delete(f"{path}/2024", headers=version(4))).status_code == 404
    assert [row["data"]["fees"] for row in await journal(url) if "fees_changed" in row["type"]][-1] == []


async def test_a_treasurer_records_the_fees_of_many(members: httpx.AsyncClient, url: str, issuer: Issuer) -> None:
    """A verdict for each: recorded, unchanged, refused; sent again nothing changes; another commune's are unknown."""
    khu = await branch(members)
    people = [(await member(members, khu, name=f"Mẫu {n}"))["id"] for n in range(3)]
    late = (await member(members, khu, joined_on="2025-06-01"))["id"]
    nobody = "00000000-0000-7000-8000-000000000000"
    body = {"year": 2025, "on": "2025-03-08", "members": [*people, people[0], late, nobody]}
    done = (await members.post("/v1/fees/batch", json=body)).json()
    verdicts = ["recorded", "recorded", "recorded", "unchanged", "refused", "refused"]
    assert [row["verdict"] for row in done["items"]] == verdicts
    assert [row["errors"][0]["code"] for row in done["items"][4:]] == ["outside", "unknown"]
    assert (done["recorded"], done["refused"]) == (3, 2)
    rows = len(await journal(url))
    again = (await members.post("/v1/fees/batch", json=body)).json()
    assert (again["recorded"], len(await journal(url))) == (0, rows)
    other = await members.post("/v1/fees/batch", json=body, headers=issuer.headers(BA_CHE))
    assert {row["verdict"] for row in other.json()["items"]} == {"refused"}


async def test_a_commune_declares_its_women(members: httpx.AsyncClient, url: str, issuer: Issuer) -> None:
    """From a day on; said again it replaces, in any order; not ahead of today, not of another commune or a province."""
    for since, number in (("2025-01-01", 5_000), ("2024-01-01", 4_900), ("2025-01-01", 5_100)):
        answer = await members.put(f"/v1/populations/06760/{since}", json={"women_18": number})
        assert answer.status_code == 200
    assert answer.headers["etag"] == '"3"'
    (found,) = (await members.get("/v1/populations", params={"unit": "06760"})).json()["items"]
    assert [(spell["since"], spell["women_18"]) for spell in found["timeline"]] == [
        ("2024-01-01", 4_900),
        ("2025-01-01", 5_100),
    ]
    ahead = await members.put(f"/v1/populations/06760/{LAST}", json={"women_18": 1})
    assert pointers(ahead) == {("path:since", "future")}
    below = await members.put("/v1/populations/06760/2025-01-01", json={"women_18": -1})
    assert pointers(below) == {("/women_18", "greater_than_equal")}
    other = issuer.headers(BA_CHE)
    elsewhere = await members.put("/v1/populations/06760/2025-01-01", json={"women_18": 1}, headers=other)
    assert elsewhere.status_code == 404
    assert [row["version"] for row in await journal(url)] == [1, 2, 3]
