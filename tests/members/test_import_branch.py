"""Files of an officer of a branch: rows of that branch alone, and no imports but the branch's."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.builders import BA_CHE, MONG_DUONG, branch, member
from tests.chassis.test_http import problem
from tests.issuer import Issuer
from tests.members.files import HEADINGS, as_csv, people, person
from tests.members.importing import counts, ended, imported, rows

pytestmark = pytest.mark.usefixtures("importer")
As = Callable[..., httpx.AsyncClient]


@pytest.fixture
def officer(members: httpx.AsyncClient, issuer: Issuer) -> As:
    """A client of an officer of a commune, or of a branch in it."""

    def client(of: dict[str, Any] | None = None, unit: str = MONG_DUONG) -> httpx.AsyncClient:
        claims = issuer.headers(unit, sub="officer", **({"branch": of["id"]} if of else {}))
        headers = {**members.headers, **claims}
        return httpx.AsyncClient(transport=members._transport, base_url="http://test", headers=headers)

    return client


async def test_rows_of_the_branch_are_taken_and_no_others(members: httpx.AsyncClient, officer: As) -> None:
    """By name, by id, or naming none; the branch beside, by name or id, and a commune beside are refused on their
    columns, as what does not exist."""
    own, beside = await branch(members), await branch(members, name="Khu 2")
    await branch(members, BA_CHE)
    written = [("Khu 1", ""), (own["id"], MONG_DUONG), ("", ""), ("Khu 2", ""), (beside["id"], ""), ("Khu 1", BA_CHE)]
    table = [[*HEADINGS, "Xã/phường"], *([*person(n, c4=name), unit] for n, (name, unit) in enumerate(written))]
    for mode, made in (("validate", (0, 3, 0, 3)), ("apply", (3, 0, 0, 3)), ("apply", (0, 0, 3, 3))):
        done = await imported(officer(own), as_csv(table), mode=mode)
        assert (done["branch"], counts(done)) == (own["id"], made)
        refused = [each["errors"] for each in await rows(officer(own), done["id"], verdict="refused")]
        assert [[(error["pointer"], error["code"], error["column"]) for error in errors] for errors in refused] == [
            [("/branch", "unknown", "Chi hội")],
            [("/branch", "unknown", "Chi hội")],
            [("/unit", "unknown", "Xã/phường")],
        ]
        assert [errors[0]["message"] for errors in refused[:2]] == [
            "Không có chi hội này; gần giống: Khu 1",
            "Không có chi hội này",
        ]
    listed = (await members.get("/v1/members")).json()["items"]
    assert [each["branch"] for each in listed] == [own["id"]] * 3
    unnamed = [row[:4] + row[5:] for row in people(7)]
    assert counts(await imported(officer(own), as_csv(unnamed))) == (1, 0, 0, 0)


async def test_who_is_a_member_elsewhere_is_not_told(members: httpx.AsyncClient, officer: As) -> None:
    """The name and card number of the branch beside are recognised for the commune, not for the branch."""
    own, beside = await branch(members), await branch(members, name="Khu 2")
    hers = await member(members, beside, name="Hội viên Mẫu 1", card_number="QN-1")
    content = as_csv([[*HEADINGS, "Số thẻ"], [*person(1), "QN-1"]])
    for sender, verdict in ((officer(), "unchanged"), (officer(own), "valid")):
        done = await imported(sender, content, mode="validate", unit=MONG_DUONG)
        (row,) = await rows(sender, done["id"])
        assert (row["verdict"], row["member"]) == (verdict, hers["id"] if verdict == "unchanged" else None)


async def test_imports_of_the_branch_are_read_and_no_others(members: httpx.AsyncClient, officer: As) -> None:
    """List, progress, rows, error file, application: the branch's and, for the commune, all; who applies a file of the
    branch widens nothing."""
    own, beside = await branch(members), await branch(members, name="Khu 2")
    content = as_csv([*people(1), person(2, c4="Khu 3")])
    ids = {}
    for name, sender in (("own", officer(own)), ("beside", officer(beside)), ("commune", officer())):
        ids[name] = (await imported(sender, content, unit=MONG_DUONG, mode="validate"))["id"]
        assert (await sender.get(f"/v1/imports/{ids[name]}/errors")).status_code == 200
    for sender, seen in ((officer(own), ["own"]), (officer(beside), ["beside"]), (officer(), [*ids][::-1])):
        listed = (await sender.get("/v1/imports")).json()["items"]
        assert [each["id"] for each in listed if each["id"] in ids.values()] == [
            ids[name] for name in ("commune", "beside", "own") if name in seen
        ]
        for name, import_id in ids.items():
            for path in ("", "/rows", "/errors"):
                answer = await sender.get(f"/v1/imports/{import_id}{path}")
                assert answer.status_code == (200 if name in seen else 404), (name, path)
            if name not in seen:
                problem(await sender.post(f"/v1/imports/{import_id}/application"), 404, "not-found")
    assert (await officer().post(f"/v1/imports/{ids['beside']}/application")).status_code == 202
    assert counts(await ended(members, ids["beside"])) == (0, 0, 0, 2)
    assert (await officer(own).post(f"/v1/imports/{ids['own']}/application")).status_code == 202
    assert counts(await ended(members, ids["own"])) == (1, 0, 0, 1)


async def test_places_outside_the_branch_cannot_be_asked_for(members: httpx.AsyncClient, officer: As) -> None:
    """Another branch or commune for rows that name none is unknown; branches are not hers to open."""
    own, beside = await branch(members), await branch(members, name="Khu 2")
    for query in ({"branch": beside["id"]}, {"unit": BA_CHE}, {"create_branches": True}):
        answer = await officer(own).post(
            "/v1/imports", content=as_csv(people(1)), params=query, headers={"content-type": "text/csv"}
        )
        errors = problem(answer, 422, "invalid")["errors"]
        assert [error["pointer"] for error in errors] == [f"query:{next(iter(query))}"]
    assert (await officer(own).get("/v1/imports")).json()["items"] == []
    assert (await officer(own).get("/v1/imports/template")).status_code == 200
    assert counts(await imported(officer(own), as_csv(people(1)), branch=own["id"], unit=MONG_DUONG)) == (1, 0, 0, 0)
