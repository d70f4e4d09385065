"""What each kind of entity adds to the figures, and on which day: late, corrected, extended, for the first time."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.catalog import STATES
from services.reporting.contributions.cells import Place
from services.reporting.contributions.rules import contributions, read
from tests.chassis import bus
from tests.reporting.states import (
    BRANCHES,
    UNITS,
    Step,
    added,
    branch_state,
    household_state,
    member_state,
    spell,
)

MEMBER = member_state(spell("2021-05-10"))
PLACE = {"unit": UNITS[0], "branch": str(BRANCHES[0])}
HEAD = {"id": str(UUID(int=8)), "level": "branch", "position": "head", "place": PLACE["branch"], "since": "2022-01-01"}
PRESIDENT = {**HEAD, "level": "commune", "position": "president", "place": UNITS[0], "since": "2023-01-01"}


@pytest.mark.parametrize(
    ("kind", "state", "measures"),
    [
        ("members.member", MEMBER, {"members.enrolled", "members.active"}),
        ("members.member", member_state(), set()),
        (
            "members.member",
            member_state(spell(ethnicity="09")),
            {"members.enrolled", "members.active", "members.minority"},
        ),
        (
            "members.member",
            member_state(spell(core=True, kind="honorary")),
            {"members.enrolled", "members.active", "members.core", "members.honorary"},
        ),
        (
            "members.member",
            member_state(spell(), spell("2025-01-01", "ended", status="left", leaving_reason="own_wish")),
            {"members.enrolled", "members.active", "members.left"},
        ),
        (
            "members.member",
            member_state(spell(), spell("2025-01-01", "moved", unit=UNITS[1])),
            {"members.enrolled", "members.active", "members.transferred_in", "members.transferred_out"},
        ),
        ("members.household", household_state(("2020-01-01", None)), {"members.households"}),
        (
            "members.household",
            household_state(("2020-01-01", "poor")),
            {"members.households", "members.households_poor"},
        ),
        (
            "members.household",
            household_state(("2020-01-01", "near_poor"), ("2022-01-01", "newly_escaped")),
            {"members.households", "members.households_escaped_poverty"},
        ),
        (
            "members.group",
            {"timeline": [{"since": "2012-01-01", "cause": "began", **PLACE, "open": True}]},
            {"members.groups"},
        ),
        (
            "members.population",
            {"timeline": [{"since": "2025-01-01", "cause": "changed", "unit": UNITS[0], "women_18": 5_000}]},
            {"members.women_18"},
        ),
        ("members.branch", branch_state("2010-01-01"), {"members.branches"}),
        ("members.branch", branch_state("2010-01-01", "2010-01-01"), set()),
        ("loans.programme", {"code": "job_creation"}, set()),
        ("campaigns.unknown", {"any": "thing"}, set()),
    ],
)
def test_each_state_counts_in_these_measures(kind: str, state: dict[str, Any], measures: set[str]) -> None:
    """Who is active, minority, core, honorary, poor, open, owing; and what counts nowhere."""
    parts = contributions(kind, state, Place(UNITS[0], BRANCHES[0]))
    assert {cell.measure for (cell, _), value in parts.items() if value} == measures
    if kind in STATES and kind != "loans.programme":
        STATES[kind].read(state)


@pytest.mark.parametrize(
    ("kind", "measure", "steps", "expected"),
    [
        (
            "members.member",
            "members.active",
            [("2021-05-10", MEMBER), ("2020-01-02", member_state(spell("2020-01-02")))],
            {"2020-01-02": 1},
        ),
        (
            "members.member",
            "members.enrolled",
            [("2021-05-10", MEMBER), ("2021-05-10", member_state(spell("2021-08-01")))],
            {"2021-08-01": 1},
        ),
        (
            "members.member",
            "members.core",
            [
                ("2021-05-10", MEMBER),
                ("2024-01-01", member_state(spell("2021-05-10"), spell("2024-01-01", "changed", core=True))),
            ],
            {"2024-01-01": 1},
        ),
        (
            "members.member",
            "members.left",
            [
                ("2021-05-10", MEMBER),
                ("2023-06-01", member_state(spell("2021-05-10"), spell("2023-06-01", "ended", status="left"))),
                ("2023-05-01", member_state(spell("2021-05-10"), spell("2023-05-01", "ended", status="left"))),
            ],
            {"2023-05-01": 1},
        ),
        (
            "members.member",
            "members.active",
            [
                ("2021-05-10", MEMBER),
                ("2023-06-01", member_state(spell("2021-05-10"), spell("2023-06-01", "ended", status="left"))),
                (
                    "2024-06-01",
                    member_state(
                        spell("2021-05-10"), spell("2023-06-01", "ended", status="left"), spell("2024-06-01", "resumed")
                    ),
                ),
            ],
            {"2021-05-10": 1, "2023-06-01": -1, "2024-06-01": 1},
        ),
        (
            "members.household",
            "members.households_poor",
            [
                ("2020-01-01", household_state(("2020-01-01", "poor"))),
                ("2022-01-01", household_state(("2020-01-01", "poor"), ("2022-01-01", "other"))),
            ],
            {"2020-01-01": 1, "2022-01-01": -1},
        ),
    ],
)
def test_each_part_falls_on_its_day(kind: str, measure: str, steps: list[Step], expected: dict[str, int]) -> None:
    """News of the past; days put right."""
    assert added(kind, steps, measure) == expected


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ([HEAD], {"2022-01-01": 1, "2024-01-01": -1}),
        ([{**HEAD, "until": "2023-01-01"}], {"2022-01-01": 1, "2023-01-01": -1}),
        ([HEAD, PRESIDENT], {"2022-01-01": 1, "2025-06-01": -1}),
        ([{**PRESIDENT, "place": "22", "level": "province"}], {"2023-01-01": 1, "2025-06-01": -1}),
    ],
)
def test_an_officer_counts_once_where_she_is_a_member(roles: list[dict[str, Any]], expected: dict[str, int]) -> None:
    """By person, while she is a member of the place; she moves to another branch in 2024 and leaves in 2025."""
    timeline = [
        spell("2021-05-10"),
        spell("2024-01-01", "moved", branch=str(BRANCHES[2])),
        spell("2025-06-01", "ended", status="left", branch=str(BRANCHES[2])),
    ]
    state = {**member_state(*timeline), "roles": roles}
    assert added("members.member", [("2021-05-10", state)], "members.officers") == expected


@pytest.mark.parametrize(
    ("fees", "expected"),
    [
        ([(2023, "paid", "2023-03-08")], {"2023-03-08": 1, "2024-01-01": -1}),
        ([(2023, "paid", "2022-12-01")], {"2023-01-01": 1, "2024-01-01": -1}),
        ([(2023, "exempt", "2023-03-08")], {}),
        ([(2023, "paid", "2024-02-01")], {}),
        (
            [(2023, "paid", "2023-01-01"), (2024, "paid", "2024-02-01")],
            {"2023-01-01": 1, "2024-01-01": -1, "2024-02-01": 1, "2024-06-01": -1},
        ),
    ],
)
def test_who_paid_counts_within_the_year_while_a_member(
    fees: list[tuple[int, str, str]], expected: dict[str, int]
) -> None:
    """From the payment, or the year's first day, to the year's end or her leaving in June 2024."""
    timeline = [spell("2021-05-10"), spell("2024-06-01", "ended", status="left")]
    state = member_state(*timeline) | {"fees": [{"year": y, "standing": s, "on": on} for y, s, on in fees]}
    assert added("members.member", [("2021-05-10", state)], "members.fee_paid") == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"unit": "99999"},
        {"unit": "01"},
        {"data": member_state(spell(unit="99999"))},
        {"data": member_state(spell(unit="22"))},
        {"data": member_state(spell(unit="06688@2024-06-30"))},
        {"unit": "06760@2025-07-01"},
        {"data": member_state(spell("2024-01-05"), spell("2024-01-04"))},
        {"data": member_state(spell(status="gone"))},
        {"data": member_state({**spell(), "since": 1_609_459_200})},
        {"data": member_state(spell("2021-05-10T00:00:00"))},
        {"data": {**MEMBER, "birth_year": "1980"}},
        {"data": member_state(spell(core="no"))},
    ],
)
def test_what_the_rules_could_not_count_is_not_read(fields: dict[str, Any]) -> None:
    """It is parked as the message's own fault, instead of stopping the projector for everybody."""
    envelope = {"type": "vn.danvan.members.member.enrolled.v1", "data": MEMBER}
    raw = json.dumps({**json.loads(bus.value(uuid4(), 1)), **envelope})
    assert read(raw.encode()).kind == "members.member"
    before = {"unit": "06688@2025-06-30", "data": member_state(spell(unit="06688@2025-06-30"))}
    assert read(json.dumps({**json.loads(raw), **before}).encode()).unit == before["unit"]
    with pytest.raises(ValueError, match=r"unit|data"):
        read(json.dumps({**json.loads(raw), **fields}).encode())


def test_what_a_commune_declares_holds_while_it_is_in_force() -> None:
    """A unit of before: to its last day, whatever it is said to have declared later."""
    spells = [
        {"since": since, "cause": "changed", "unit": "06688@2025-06-30", "women_18": women}
        for since, women in (("2024-01-01", 900), ("2025-01-01", 1_000), ("2025-08-01", 1_100))
    ]
    steps = [("2024-01-01", {"timeline": spells})]
    found = added("members.population", steps, "members.women_18")
    assert found == {"2024-01-01": 900, "2025-01-01": 100, "2025-07-01": -1_000}
