"""Cells as officers write them, and any file against the rules of the API."""

from datetime import date, datetime, time
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import ethnicities, units
from services.members.imports import values
from tests.builders import MONG_DUONG, branch
from tests.members.files import HEADINGS, as_csv, as_xlsx
from tests.members.importing import imported, rows

EPOCH = date(1899, 12, 30)
FORMATS = (
    *("{0:%d/%m/%Y}", "{0:%d-%m-%Y}", "{0:%d.%m.%Y}", "{0.day}/{0.month}/{0.year}", "{0:%Y-%m-%d}"),
    *("{0:%Y-%m-%dT00:00:00}", "{0:%d/%m/%Y} 00:00:00", " {0:%d/%m/%Y} "),
)


@given(st.dates(date(1906, 1, 1), date(2100, 12, 31)), st.sampled_from(FORMATS))
def test_a_day_is_read_however_it_is_written(day: date, form: str) -> None:
    """Every way of writing a day gives that day; Excel's serial and date cells too."""
    assert values.day(values.text(form.format(day))) == day
    assert values.day(values.text((day - EPOCH).days)) == day
    assert values.day(values.text(float((day - EPOCH).days))) == day
    assert values.day(values.text(day)) == day
    assert values.day(values.text(datetime.combine(day, time(7)))) == day


@given(st.integers(1900, 2100))
def test_a_year_alone_is_a_year(year: int) -> None:
    """As text or as a number; a year of joining is its first day."""
    assert values.day(values.text(year)) == values.day(str(year)) == values.year(str(year)) == year
    assert values.joined(str(year)) == date(year, 1, 1)


@pytest.mark.parametrize(
    "written", ["31/02/1980", "3/80", "8/3/80", "hôm qua", "1899", "99999999", "1980-13-01", "-1", "0" * 300]
)
def test_what_is_no_day_is_refused(written: str) -> None:
    """No guess is made of two-digit years, of days that do not exist, of words."""
    with pytest.raises(values.Wrong):
        values.day(written)


def test_every_ethnic_group_by_code_and_name() -> None:
    """Codes with and without the zero, official names in any dress, and usual other names."""
    for group in ethnicities.groups().values():
        if group.system == ethnicities.SYSTEM:
            for written in (
                group.code,
                str(int(group.code)),
                group.name,
                group.name.upper(),
                group.name.replace("-", " "),
            ):
                assert values.ethnicity(written) == group.code
    assert [values.ethnicity(name) for name in ("H'Mông", "Mông", "Khmer")] == ["08", "08", "05"]


def test_every_commune_by_code_name_and_old_name() -> None:
    """Each commune of the province by what it is called; an old name that went to several asks for the code."""
    places = values.Units(units.subtree("22"), {})
    for unit in units.children("22"):
        assert places.find(unit.code) == places.find(str(int(unit.code))) == places.find(unit.name.upper()) == unit.code
    assert places.find("Xã Nam Sơn") == "06970"
    assert places.find("Xã Hải Lạng") == "06886", "an old name that is a name of today is today's"
    with pytest.raises(values.Wrong, match="write the code"):
        places.find("Phường Hà Khẩu")
    with pytest.raises(values.Wrong, match="No such commune"):
        places.find("00004")
    assert values.Units(units.subtree("06970"), {}).only == "06970"


@pytest.mark.parametrize(("written", "means"), [("x", True), ("Có", True), ("1", True), ("Không", False), ("0", False)])
def test_yes_and_no(written: str, means: bool) -> None:
    """Marks and words."""
    assert values.yes(written) is means


BIRTHS = (
    ("08/03/1980", "1980-03-08"),
    ("2.1.1975", "1975-01-02"),
    ("31/02/1980", "?"),
    ("", None),
    ("1/1/2024", "2024-01-01"),
)
PEOPLES = (("Kinh", "01"), (2, "02"), ("99", "99"), ("Người lạ", "?"), ("", None))
BRANCHES = (("Khu 1", 1), ("chi hội khu 1", 1), ("Khu 9", "?"), ("", None))
JOININGS = (("20/10/2021", "2021-10-20"), (2022, "2022-01-01"), ("1/1/2999", "2999-01-01"), ("mai", "?"), ("", None))
CORES = (("x", True), ("", None), ("có lẽ", "?"))
KINDS = (("Danh dự", "honorary"), ("", None), ("lạ", "?"))
NAMES = (("Hội viên Mẫu {}", "Hội viên Mẫu {}"), ("x" * 201, "x" * 201), ("", None))
FIELDS = ("name", "birth_date", "ethnicity", "branch", "joined_on", "core", "kind")
people = st.lists(
    st.tuples(*map(st.sampled_from, (NAMES, BIRTHS, PEOPLES, BRANCHES, JOININGS, CORES, KINDS))), min_size=1
)


@pytest.mark.usefixtures("importer")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people, st.sampled_from([as_csv, as_xlsx]))
async def test_any_file_is_judged_as_the_api_judges_its_rows(
    members: httpx.AsyncClient, found: list[tuple[tuple[Any, Any], ...]], write: Any
) -> None:
    """Every row of a file has the verdict, and the fields at fault, that the API gives the same person."""
    khu = await _branch(members)
    table: list[list[Any]] = [list(HEADINGS)]
    items: list[dict[str, Any]] = []
    for number, row in enumerate(found):
        written, meant = ([each[side] for each in row] for side in (0, 1))
        table.append([number, written[0].format(number), *written[1:]])
        item = {name: value for name, value in zip(FIELDS, meant, strict=True) if value is not None}
        if "name" in item:
            item["name"] = item["name"].format(number)
        if item.get("branch") == 1:
            item["branch"] = khu
        items.append(item)
    body = {"items": items, "validate_only": True}
    batch = (await members.post("/v1/members/batch", json=body)).json()["items"]
    done = await imported(members, write(table), unit=MONG_DUONG, mode="validate")
    assert done["state"] == "done"
    verdicts = [
        (each["verdict"], {error["pointer"] for error in each["errors"]}) for each in await rows(members, done["id"])
    ]
    assert verdicts == [(each["verdict"], {error["pointer"] for error in each["errors"]}) for each in batch]


async def _branch(members: httpx.AsyncClient) -> str:
    open_ = (await members.get("/v1/branches")).json()["items"] or [await branch(members)]
    found: str = open_[0]["id"]
    return found
