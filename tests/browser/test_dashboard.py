"""The dashboard as people see it: a real Chromium on the real services."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Visits
from tests.platform import Platform

PERIOD = "from=2025-01-01&to=2025-12-31"
ACCESSIBLE = Path(__file__).parent / "accessible.js"
UNIT = "06760"  # Mông Dương
SOON = 10_000


class People:
    """A branch of Mông Dương, and women who join it through the members API."""

    def __init__(self, stack: Platform) -> None:
        self.stack = stack
        self.members = httpx.AsyncClient(base_url=stack.members_url, headers=bearer(stack), timeout=30)
        self.reporting = httpx.AsyncClient(base_url=stack.reporting_url, headers=bearer(stack), timeout=30)
        self.branch = ""
        self.position = ""

    async def open_branch(self) -> None:
        """Found the branch."""
        body = {"unit": UNIT, "name": f"Chi hội kiểm thử {uuid4()}", "opened_on": "2024-01-01"}
        answer = (await self.members.post("/v1/branches", json=body)).raise_for_status()
        self.branch = answer.json()["id"]

    async def enrol(self) -> None:
        """One more member, from 1 June 2025."""
        body = {"branch": self.branch, "name": "Người kiểm thử", "birth_year": 1990, "joined_on": "2025-06-01"}
        answer = (await self.members.post("/v1/members", json=body)).raise_for_status()
        self.position = answer.headers["journal-position"]

    async def dashboard(self, unit: str) -> dict[str, Any]:
        """What the API answers for the year 2025, with every member enrolled so far."""
        answer = await self.reporting.get(f"/v1/dashboards/{unit}?{PERIOD}", headers={"wait-for": self.position})
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


def bearer(stack: Platform) -> dict[str, str]:
    """The header of a provincial caller."""
    return {"authorization": f"Bearer {stack.token('22')}"}


@pytest.fixture
async def people(stack: Platform) -> AsyncIterator[People]:
    """A branch with two members, already in the figures."""
    made = People(stack)
    async with made.members, made.reporting:
        await made.open_branch()
        await made.enrol()
        await made.enrol()
        await made.dashboard("22")
        yield made


async def shows(page: Page, unit: str) -> None:
    """Wait until the unit's figures are there."""
    await expect(page.locator(f'.page[data-unit="{unit}"]')).to_be_visible(timeout=SOON)


async def same_figures(page: Page, answer: dict[str, Any]) -> None:
    """Every key figure and every cell of the table is what the API answered."""
    cards = {card["indicator"]: card["value"] for card in answer["cards"]}
    for indicator, value in cards.items():
        figure = page.locator(f'.card[data-indicator="{indicator}"] data')
        await expect(figure).to_have_attribute("value", written(value))
    shown = await page.locator("table.units tbody tr").evaluate_all(
        """rows => Object.fromEntries(rows.map((row) => [row.dataset.unit, Object.fromEntries(
            [...row.querySelectorAll("td")].map((td) => [td.dataset.indicator, td.querySelector("data").value]))]))"""
    )
    wanted = {row["code"]: {code: written(value) for code, value in row["values"].items()} for row in answer["units"]}
    assert shown == wanted


def written(value: float | None) -> str:
    """A figure as the page keeps it in `<data value>`."""
    return "" if value is None else str(int(value)) if value == int(value) else str(value)


async def test_the_province_shows_what_the_api_answers(visit: Visits, people: People) -> None:
    """Cards, months, breakdowns and 54 communes carry the API's own figures."""
    page = (await visit(f"#/22?{PERIOD}")).page
    await shows(page, "22")
    answer = await people.dashboard("22")
    assert len(answer["units"]) == 54
    await same_figures(page, answer)
    active = next(card for card in answer["cards"] if card["indicator"] == "members.active")
    assert active["value"] >= 2
    number = page.locator('.card[data-indicator="members.active"] .number')
    await expect(number).to_have_text(f"{active['value']:,.0f}".replace(",", "."))
    await expect(page.locator("[data-series] canvas:visible")).to_have_count(
        sum(any(point["value"] for point in series["points"]) for series in answer["series"])
    )
    first = answer["breakdowns"][0]
    part = page.locator(f'[data-breakdown="{first["indicator"]}:{first["dimension"]}"] tbody tr')
    assert await part.count() == min(8, max(1, len(first["items"])))


async def test_a_new_member_changes_the_figures_without_a_reload(visit: Visits, people: People) -> None:
    """A member POSTed while the page is open is counted on it a moment later, and said aloud to a screen reader."""
    page = (await visit(f"#/22?{PERIOD}")).page
    await shows(page, "22")
    await expect(page.locator(".status")).to_have_attribute("data-connection", "live", timeout=SOON)
    figure = page.locator('.card[data-indicator="members.active"] data')
    before = int(await figure.get_attribute("value") or 0)
    await page.evaluate("window.untouched = true")
    await people.enrol()
    await expect(figure).to_have_attribute("value", str(before + 1), timeout=SOON)
    await expect(page.locator("[aria-live]")).to_contain_text("Số liệu đã cập nhật")
    assert await page.evaluate("window.untouched") is True
    await same_figures(page, await people.dashboard("22"))


async def test_english_changes_labels_numbers_and_the_request(visit: Visits, people: People) -> None:
    """The switch turns every label, the page's language and the API's; a reload remembers it."""
    page = (await visit(f"#/22?{PERIOD}", locale="vi-VN")).page
    await shows(page, "22")
    await expect(page.locator("html")).to_have_attribute("lang", "vi")
    await expect(page.locator('.card[data-indicator="members.active"] dt')).to_have_text("Hội viên")
    async with page.expect_request(re.compile("/v1/dashboards/22")) as asked:
        await page.get_by_role("button", name="English").click()
    assert (await (await asked.value).all_headers())["accept-language"] == "en"
    await shows(page, "22")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator('.card[data-indicator="members.active"] dt')).to_have_text("Active members")
    await expect(page.get_by_role("heading", name="Month by month")).to_be_visible()
    assert "lang=en" in page.url
    await page.goto(f"{page.url.split('#')[0]}#/22?{PERIOD}")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await same_figures(page, await people.dashboard("22"))


async def test_the_picker_finds_a_commune_without_accents(visit: Visits, people: People) -> None:
    """Typing "mong duong" and Enter leads to ward 06760, its figures and its branches; the keyboard is enough."""
    page = (await visit(f"#/22?{PERIOD}")).page
    await shows(page, "22")
    picker = page.get_by_role("combobox", name="Đơn vị")
    await picker.focus()
    await picker.press_sequentially("mong duong")
    await expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    await picker.press("Enter")
    await shows(page, UNIT)
    assert f"#/{UNIT}?" in page.url
    await expect(page.get_by_role("heading", level=1)).to_have_text("Phường Mông Dương")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    answer = await people.dashboard(UNIT)
    assert people.branch in {row["code"] for row in answer["units"]}
    await same_figures(page, answer)


async def test_a_heading_sorts_the_table(visit: Visits, people: People) -> None:
    """Choosing "Hội viên" puts the largest commune first, choosing again the smallest."""
    page = (await visit(f"#/22?{PERIOD}")).page
    await shows(page, "22")
    values = [row["values"]["members.active"] for row in (await people.dashboard("22"))["units"]]
    first = page.locator('table.units tbody tr:first-child td[data-indicator="members.active"] data')
    heading = page.locator("table.units thead").get_by_role("button", name="Hội viên", exact=True)
    await heading.click()
    await expect(first).to_have_attribute("value", written(max(values)))
    await expect(page.locator("table.units th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    await heading.click()
    await expect(first).to_have_attribute("value", written(min(values)))


async def test_the_token_leaves_the_address_at_once(visit: Visits) -> None:
    """A token handed over in the fragment is kept for the tab only; the route beside it stays."""
    page = (await visit(f"#/{UNIT}?{PERIOD}&lang=en")).page
    await shows(page, UNIT)
    assert "token" not in page.url
    assert page.url.endswith(f"#/{UNIT}?{PERIOD}&lang=en")
    assert await page.evaluate("localStorage.getItem('danvan.token')") is None
    await page.reload()
    await shows(page, UNIT)


async def test_a_wrong_token_leads_to_the_sign_in_form(visit: Visits, stack: Platform) -> None:
    """401 asks for a token in words; a right one opens the reader's own unit."""
    made = await visit(f"#/{UNIT}?{PERIOD}", token="not.a.token")
    field = made.page.get_by_label("Mã truy cập")
    await expect(field).to_be_focused(timeout=SOON)
    await expect(made.page.get_by_role("alert")).not_to_be_empty()
    assert all("401" in said for said in made.complaints)
    made.complaints.clear()
    await field.fill(stack.token(UNIT))
    await field.press("Enter")
    await shows(made.page, UNIT)


async def test_a_unit_out_of_reach_is_said_in_words(visit: Visits) -> None:
    """A commune's caller is told that the province is not theirs, and is led home."""
    made = await visit(f"#/22?{PERIOD}", unit=UNIT)
    await expect(made.page.get_by_role("alert")).to_contain_text("Không có đơn vị này", timeout=SOON)
    assert all("404" in said for said in made.complaints)
    made.complaints.clear()
    await made.page.get_by_role("button", name="Về đơn vị của tôi").click()
    await shows(made.page, UNIT)


async def test_a_lost_stream_comes_back_by_itself(visit: Visits, people: People) -> None:
    """While the stream fails the page says so and keeps its figures; afterwards it shows what it missed."""
    made = await visit(f"#/22?{PERIOD}")
    page = made.page
    await shows(page, "22")
    cut = True

    async def refuse(route: Route) -> None:
        await (route.abort() if cut else route.continue_())

    await page.route("**/v1/stream**", refuse)
    await page.reload()
    await shows(page, "22")
    state = page.locator(".status")
    await expect(state).to_have_attribute("data-connection", "waiting", timeout=SOON)
    await people.enrol()
    answer = await people.dashboard("22")
    cut = False
    await expect(state).to_have_attribute("data-connection", "live", timeout=SOON)
    await expect(page.locator('.card[data-indicator="members.active"] data')).to_have_attribute(
        "value", written(answer["cards"][0]["value"])
    )
    made.complaints.clear()


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("route", [f"#/22?{PERIOD}", f"#/{UNIT}?{PERIOD}&lang=en"])
async def test_a_screen_reader_finds_its_way(visit: Visits, route: str) -> None:
    """One h1, landmarks, unbroken heading levels, a name for every control, no id twice, tables with headings."""
    page = (await visit(route)).page
    await expect(page.locator(".page")).to_be_visible(timeout=SOON)
    found = await page.evaluate(ACCESSIBLE.read_text(encoding="utf-8"))
    assert found == []
    assert await page.locator("h1").count() == 1
    await expect(page.get_by_role("banner")).to_have_count(1)
    await expect(page.get_by_role("main")).to_have_count(1)
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()


async def test_a_phone_shows_all_of_it(visit: Visits, people: People) -> None:
    """At 360 px nothing sticks out sideways, and the figures are the same."""
    page = (await visit(f"#/22?{PERIOD}", width=360, height=740)).page
    await shows(page, "22")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await same_figures(page, await people.dashboard("22"))
