"""A group, its rating and savings, and a use-of-funds check: from the door through the bus to the figures."""

from uuid import uuid4

import httpx

from contracts import units
from tests.builders import made
from tests.loans.groups import group, households, save
from tests.loans.lending import TERMS, contract, entry
from tests.platform import Platform

COMMUNE = units.children("22")[-1].code
INDICATORS = ["groups", "savings", "checks_due", "checks_done", "checks_misused", "misuse_share"]


async def figures(reporting: httpx.AsyncClient, unit: str, last: str, wait_for: str) -> list[float | None]:
    """The figures of a unit in 2016 up to a day, once reporting has come so far."""
    query = {"indicator": [f"loans.{name}" for name in INDICATORS], "unit": unit, "from": "2016-01-01", "to": last}
    answer = await reporting.get("/v1/figures", params=query, headers={"wait-for": wait_for})
    assert answer.status_code == httpx.codes.OK, answer.text
    told = {item["indicator"]: item["value"] for item in answer.json()["items"]}
    return [told[f"loans.{name}"] for name in INDICATORS]


async def test_groups_and_checks_reach_the_figures(stack: Platform) -> None:
    """Each day's figure of the commune and of the province, in a year in which nobody else lends."""
    async with stack.client("loans") as loans, stack.client("reporting") as reporting:
        programme = {**TERMS, "code": f"flow_{uuid4().hex[:8]}", "valid_from": "2015-01-01"}
        await made(await loans.post("/v1/programmes", json=programme))
        members = await households(loans, 5, unit=COMMUNE, customer_since="2015-01-01")
        formed = await group(loans, unit=COMMUNE, name=uuid4().hex, opened_on="2016-01-10", members=members)
        path, tag = f"/v1/groups/{formed['id']}/ratings/2016-02", {"if-match": '"1"'}
        await made(await loans.put(path, json={"rating": "good"}, headers=tag), 200)
        saved = await save(loans, formed, "2016-03-01", (members[0], "in", 500_000), (members[1], "in", 250_000))
        await made(saved)
        dates = {"programme": programme["code"], "contract_on": "2016-01-20", "due_on": "2018-01-20"}
        loan = await made(await loans.post("/v1/loans", json=contract({"id": members[0]}, **dates)))
        paid = await made(await entry(loans, loan["id"], "disbursements", 20_000_000, "2016-02-01"))
        check = {"done_on": "2016-04-01", "result": "misused", "bought": "Xe máy"}
        path = f"/v1/checks/{paid['entries'][0]}/result"
        found = await loans.post(path, json=check, headers={"if-match": '"1"'})
        await made(found, 200)
        here = f"{saved.headers['journal-position']},{found.headers['journal-position']}"
        for unit in (COMMUNE, "22"):
            for last, expected in (
                ("2016-01-09", [0, 0, 0, 0, 0, None]),
                ("2016-03-01", [1, 750_000, 0, 0, 0, None]),
                ("2016-03-02", [1, 750_000, 1, 0, 0, None]),
                ("2016-03-31", [1, 750_000, 1, 0, 0, None]),
                ("2016-04-01", [1, 750_000, 0, 1, 1, 100]),
            ):
                assert await figures(reporting, unit, last, here) == expected
        query = {"indicator": "loans.groups", "unit": COMMUNE, "from": "2016-01-01", "to": "2016-03-31"}
        answer = await reporting.get("/v1/figures", params={**query, "breakdown": "rating"})
        assert answer.status_code == httpx.codes.OK, answer.text
        assert '"good"' in answer.text
