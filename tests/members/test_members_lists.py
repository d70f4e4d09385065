"""Lists and searches of members: rows as they lie in the database are the answer, and must be what a record says."""

import random

import httpx

from services.chassis.paging import Page, fold
from services.members.members.schemas import MemberOut
from tests.builders import BA_CHE, MONG_DUONG, branch, household, joining, made, member
from tests.issuer import Issuer

WORDS = ("Nguyễn", "Thị", "Hoa", "Hoà", "Hoàng", "Thu", "Lý", "Ngọc-Anh", "Hoa_Mai", "O'Hoa")


async def test_a_list_says_what_the_record_says(members: httpx.AsyncClient, issuer: Issuer) -> None:
    """Every field of every item, for who sees names and for who does not."""
    khu = await branch(members)
    someone = await member(
        members,
        khu,
        household=(await household(members, khu))["id"],
        birth_date="1980-05-06",
        card_number="QN-1",
        ethnicity="09",
        core=True,
    )
    left = await member(members, khu, name="Hội viên Mẫu 2")
    leaving = {"left_on": "2025-03-03", "reason": "own_wish"}
    await members.post(f"/v1/members/{left['id']}/departure", json=leaving, headers={"if-match": '"1"'})
    for headers in ({}, issuer.headers(scope="members:read")):
        content = (await members.get("/v1/members", headers=headers)).json()
        assert Page[MemberOut].model_validate(content).model_dump(mode="json") == content
        assert [item["id"] for item in content["items"]] == sorted([someone["id"], left["id"]])
        for item in content["items"]:
            assert item == (await members.get(f"/v1/members/{item['id']}", headers=headers)).json()
            assert (item["name"] is None) == bool(headers)


async def test_a_search_finds_whom_the_words_mean(members: httpx.AsyncClient) -> None:
    """Page by page, in a commune, in a branch and in the province: those whose words begin so, by unit and id."""
    chance = random.Random(1)
    places = [await branch(members, unit, name) for unit in (MONG_DUONG, BA_CHE) for name in ("Khu 1", "Khu 2")]
    items = [joining(chance.choice(places), name=" ".join(chance.choices(WORDS, k=3))) for _ in range(120)]
    await made(await members.post("/v1/members/batch", json={"items": items}), 200)
    everybody = (await members.get("/v1/members?limit=500")).json()["items"]
    assert len(everybody) == len(items)
    for q in ("nguyen", "thi hoa", "ho", "hoa thi", "hoang", "ly ngu", "thu thu", "anh", "hoa mai", "mai n", "hoa o"):
        *whole, begun = fold(q).split()

        def meant(name: str, whole: list[str] = whole, begun: str = begun) -> bool:
            words = fold(name).replace("-", " ").replace("_", " ").replace("'", " ").split()
            return all(word in words for word in whole) and any(word.startswith(begun) for word in words)

        for asked in ({}, {"unit": MONG_DUONG}, {"branch": places[3]["id"]}, {"status": "left"}):
            found: list[str] = []
            cursor: dict[str, str] = {}
            while True:
                page = (await members.get("/v1/members", params={"q": q, "limit": 7, **asked, **cursor})).json()
                found += [item["id"] for item in page["items"]]
                if page["next_cursor"] is None:
                    break
                cursor = {"cursor": page["next_cursor"]}
            wanted = [
                item["id"]
                for item in everybody
                if meant(item["name"]) and all(item[name] == value for name, value in asked.items())
            ]
            assert found == wanted, (q, asked)
