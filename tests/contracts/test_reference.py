"""Reference data: units and their lineage, ethnic groups, calendars."""

import re
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import calendars, ethnicities, units
from contracts.calendars import Calendar, Span

QUANG_NINH = "22"


def test_the_country() -> None:
    """34 provinces, 3,321 communes, 10,051 units of before, 10,565 pairs."""
    kinds = Counter("province" if unit.parent is None else "commune" for unit in units.current().values())
    assert kinds == {"province": 34, "commune": 3321}
    assert len(units.legacy()) == 10_051
    assert sum(len(units.predecessors(code)) for code in units.current()) == 10_565


def test_quang_ninh() -> None:
    """54 units: 30 wards, 22 communes, 2 special zones; made of 171, twelve of which were split."""
    now = units.children(QUANG_NINH)
    assert Counter(unit.type for unit in now) == {"ward": 30, "commune": 22, "special_zone": 2}
    before = [unit for unit in units.legacy().values() if unit.parent == QUANG_NINH]
    assert len(before) == 171
    assert sum(len(units.successors(unit.code)) > 1 for unit in before) == 12


def place(unit: units.Unit) -> str:
    """A unit's name without what kind of unit it is, in one spelling."""
    return re.sub(r"^(Phường|Xã|Thị trấn|Đặc khu) ", "", unit.name).replace("oà", "òa")


def test_codes_are_used_again() -> None:
    """21 codes of Quảng Ninh name another place than before: the day decides."""
    again = [
        unit.code
        for unit in units.children(QUANG_NINH)
        if (old := units.legacy().get(unit.code)) and place(old) != place(unit)
    ]
    assert len(again) == 21
    assert [units.find("06688", day).name for day in (date(2025, 6, 30), date(2025, 7, 1))] == [  # type: ignore[union-attr]
        "Phường Hồng Hải",
        "Phường Hạ Long",
    ]


def test_lineage_is_no_function() -> None:
    """Hải Lạng went three ways; some codes have no successor; some are in no list of units."""
    hai_lang = next(u for u in units.legacy().values() if u.name == "Xã Hải Lạng" and u.parent == QUANG_NINH)
    assert len(units.successors(hai_lang.code)) == 3
    assert {pair.extent for pair in units.successors(hai_lang.code)} == {"part"}
    assert sum(not units.successors(code) for code in units.legacy()) == 28
    unlisted = {
        pair.legacy.code for code in units.current() for pair in units.predecessors(code) if not pair.legacy.name
    }
    assert len(unlisted) == 10


def test_aliases_and_unknown_codes() -> None:
    """Ba Chẽ has two codes; what is no code is nothing."""
    assert units.find("06978") == units.find("06970")
    assert units.find("99999") is None
    assert units.subtree("99999") == frozenset()
    assert units.children("06760") == ()


def test_every_commune_lies_in_one_subtree() -> None:
    """The provinces' subtrees partition the country."""
    subtrees = [units.subtree(unit.code) for unit in units.current().values() if unit.parent is None]
    homeless = [key for key, unit in units.known().items() if unit.valid_to and not any(key in s for s in subtrees)]
    assert len(homeless) == 1
    assert sum(map(len, subtrees)) == len(frozenset().union(*subtrees)) == 34 + 3321 + 10_051 + 10 - len(homeless)
    assert {units.province_of(code) for code in units.subtree(QUANG_NINH)} == {QUANG_NINH}
    assert len(units.subtree(QUANG_NINH)) == 1 + 54 + 171
    for key in (*homeless, "99999"):
        with pytest.raises(KeyError, match=key):
            units.province_of(key)


def test_a_key_names_a_unit_for_good() -> None:
    """06688@2025-06-30 is Hồng Hải whenever it is asked for; a code with a day names the same; aliases too."""
    old = units.find("06688", date(2024, 1, 1))
    assert old is not None
    assert (old.key, old.name) == ("06688@2025-06-30", "Phường Hồng Hải")
    assert units.find(old.key) == units.find(old.key, date(2026, 1, 1)) == old
    assert units.find("06978@2025-06-30") == units.find("06970", date(2025, 6, 30))
    assert units.find("06688@2024-06-30") is None
    assert all(units.known()[key].key == key for key in units.known())
    ha_giang = units.find("00688", date(2025, 1, 1))
    assert ha_giang is not None
    assert (ha_giang.parent, units.province_of(ha_giang.key)) == ("02", "08")


def test_ethnic_groups() -> None:
    """54, by code, of the list of 1979."""
    groups = ethnicities.groups()
    assert sorted(code for _, code in groups) == [f"{number:02d}" for number in range(1, 55)]
    assert [ethnicities.find(code).name for code in ("01", "09", "54")] == ["Kinh", "Dao", "Rơ-măm"]  # type: ignore[union-attr]
    assert ethnicities.find("01", "2008") is None


@given(
    st.integers(1990, 2090),
    st.sampled_from(["calendar", "administrative"]),
    st.sampled_from(["month", "quarter", "half"]),
)
def test_the_parts_of_a_year_make_the_year(year: int, calendar: Calendar, span: Span) -> None:
    """No day twice, none left out."""
    parts = [calendars.period(calendar, span, year, n + 1) for n in range(12 // calendars.MONTHS[span])]
    whole = calendars.period(calendar, "year", year)
    assert (parts[0].start, parts[-1].end) == (whole.start, whole.end)
    assert all(a.end + timedelta(days=1) == b.start for a, b in pairwise(parts))
    assert calendars.period(calendar, "year", year + 1).start == whole.end + timedelta(days=1)
    nine = calendars.period(calendar, "nine_months", year)
    assert (nine.start, nine.end) == (whole.start, calendars.period(calendar, "month", year, 9).end)


def test_administrative_months_run_from_the_15th_to_the_14th() -> None:
    """January 2026 begins on 15 December 2025."""
    assert calendars.period("administrative", "month", 2026, 1)[1:] == (date(2025, 12, 15), date(2026, 1, 14))
    with pytest.raises(ValueError, match="from 1 to 4"):
        calendars.period("calendar", "quarter", 2026, 5)


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_an_iso_week_holds_its_day(day: date) -> None:
    """Seven days from a Monday."""
    week = calendars.iso_week(day)
    assert week.start <= day <= week.end
    assert (week.start.weekday(), (week.end - week.start).days) == (0, 6)
