"""Form 03/TD: what a group's meeting proposes, as PDF and as XLSX."""

from datetime import date
from io import BytesIO
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from pypdf import PdfReader

from services.chassis.sheets.sheet import XLSX_TYPE
from services.loans.proposals import pdf, xlsx
from services.loans.proposals.form import COLUMNS, NUMBER, SIGNATURES, Meeting, Proposal, dotted, headings, printable
from tests.builders import BA_CHE, MONG_DUONG, made
from tests.chassis.test_http import problem
from tests.issuer import Issuer
from tests.loans.groups import group, households
from tests.loans.lending import pointers, request, step

MET = "2024-03-05"
NAMES = ["Hội viên Mẫu Ưỡng 1", "Hội viên Mẫu Thuỷ 2", "Hội viên Mẫu Đặng 3"]
BRANCH = str(uuid4())


def pages(content: bytes) -> list[str]:
    """The text of each page of a PDF, words apart by one space."""
    assert content.startswith(b"%PDF-")
    return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(content)).pages]


def sheet_of(content: bytes) -> Any:
    """The sheet of an XLSX file."""
    return load_workbook(BytesIO(content)).active


def lines(content: bytes) -> list[tuple[Any, ...]]:
    """The rows of an XLSX file."""
    return list(sheet_of(content).iter_rows(values_only=True))


def of(meeting: dict[str, Any], day: str = MET) -> str:
    """Where the list of a group's meeting is."""
    return f"/v1/groups/{meeting['id']}/proposals?met_on={day}"


@pytest.fixture
async def meeting(loans: httpx.AsyncClient) -> dict[str, Any]:
    """A group that proposes two of three households, one with less than asked; the first is of a branch."""
    members = await households(loans, 1, representative=NAMES[0], branch=BRANCH)
    for name in NAMES[1:]:
        members += await households(loans, 1, representative=name)
    formed = await group(loans, members=[*members, *await households(loans, 2)], branch=BRANCH)
    votes = ((20, 18, 1, None), (21, 20, 0, 50_000_000), (20, 3, 15, None))
    for member, (present, in_favour, against, amount) in zip(members, votes, strict=True):
        body = request({"id": member}, group=formed["id"], applied_on="2024-03-01", purpose="=1+1 con bò")
        asked = await made(await loans.post("/v1/applications", json=body))
        said = {"present": present, "in_favour": in_favour, "against": against, "amount": amount}
        await made(await step(loans, asked, "appraisal", on=MET, **said), 200)
    return formed


async def test_the_list_as_pdf(loans: httpx.AsyncClient, meeting: dict[str, Any]) -> None:
    """Names with their marks, amounts with dots, totals, who came, where to sign; not whom the group refused."""
    answer = await loans.get(of(meeting))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["content-disposition"] == f'attachment; filename="03-TD-{MET}.pdf"'
    (text,) = pages(answer.content)
    for expected in (
        *(NUMBER, *headings(), *SIGNATURES, *NAMES[:2], "Tổ Mẫu; Phường Mông Dương", "Họp ngày 05/03/2024; có mặt: 21"),
        *("=1+1 con bò 80.000.000 80.000.000 36 18 1", "80.000.000 50.000.000 36 20 0"),
        *("Tổng cộng 160.000.000 130.000.000", "Đề nghị cho vay: 2 hộ; không được Tổ đồng ý: 1 hộ", "Trang 1/1"),
    ):
        assert expected in text
    assert NAMES[2] not in text


async def test_the_list_as_xlsx(loans: httpx.AsyncClient, meeting: dict[str, Any]) -> None:
    """The same rows; amounts are numbers, and a purpose that looks like a formula is text."""
    answer = await loans.get(of(meeting), headers={"accept": XLSX_TYPE})
    assert (answer.status_code, answer.headers["content-type"]) == (200, XLSX_TYPE)
    found = lines(answer.content)
    top = found.index(tuple(headings()))
    first, second, total = (found[top + n] for n in (1, 2, 3))
    assert (first[1], *first[3:]) == (NAMES[0], "Việc làm", "=1+1 con bò", 80_000_000, 80_000_000, 36, 18, 1)
    assert (second[0], second[1], *second[5:]) == (2, NAMES[1], 80_000_000, 50_000_000, 36, 20, 0)
    assert (total[0], *total[5:7]) == ("Tổng cộng", 160_000_000, 130_000_000)
    sheet = sheet_of(answer.content)
    assert sheet.cell(top + 2, 5).data_type == "s"
    assert sheet.print_title_rows == f"${top + 1}:${top + 1}"


async def test_names_are_personal(loans: httpx.AsyncClient, issuer: Issuer, meeting: dict[str, Any]) -> None:
    """Without the scope there are none; an officer of the group's branch reads those of her own households."""
    plain = issuer.headers(scope="loans:read")
    officer = issuer.headers(MONG_DUONG, sub="officer", branch=BRANCH)
    for headers, seen in ((plain, []), (officer, NAMES[:1])):
        (text,) = pages((await loans.get(of(meeting), headers=headers)).content)
        assert [name for name in NAMES if name in text] == seen
        assert "160.000.000 130.000.000" in text
        rows = lines((await loans.get(of(meeting), headers={**headers, "accept": XLSX_TYPE})).content)
        assert [row[1] for row in rows if row[1] in NAMES] == seen


async def test_what_is_not_there(loans: httpx.AsyncClient, issuer: Issuer, meeting: dict[str, Any]) -> None:
    """404 outside reach, of no group, on a day without a meeting; 422 without a day; 406 for another type; 403."""
    for wrong in (of(meeting, "2024-03-06"), of({"id": uuid4()})):
        problem(await loans.get(wrong), 404, "not-found")
    for elsewhere in (issuer.headers(BA_CHE), issuer.headers(MONG_DUONG, branch=str(uuid4()))):
        problem(await loans.get(of(meeting), headers=elsewhere), 404, "not-found")
    assert pointers(await loans.get(f"/v1/groups/{meeting['id']}/proposals")) == {("query:met_on", "missing")}
    problem(await loans.get(of(meeting), headers={"accept": "application/json"}), 406, "not-acceptable")
    problem(await loans.get(of(meeting), headers=issuer.headers(scope="members:read")), 403, "forbidden")


def proposal(**fields: Any) -> Proposal:
    """A proposal of an obviously generated household."""
    told = {"representative": "Hội viên Mẫu", "customer_code": "KH-1", "programme": "Việc làm", "purpose": "Mua bò"}
    return Proposal(**{**told, "asked": 1, "agreed": 1, "term_months": 36, "in_favour": 9, "against": 0, **fields})


def held(*proposals: Proposal) -> Meeting:
    """A meeting that proposes these."""
    return Meeting("Tổ Mẫu", "Phường Mông Dương", date(2024, 3, 5), 20, 0, proposals)


def test_a_long_list_goes_over_pages() -> None:
    """Sixty households: each is there once, in order; every page of rows has the headings, and its number."""
    codes = [f"KH-{number:04}" for number in range(60)]
    texts = pages(pdf.written(held(*(proposal(customer_code=code) for code in codes))))
    assert len(texts) > 1
    assert [word for text in texts for word in text.split() if word.startswith("KH-")] == codes
    for number, text in enumerate(texts, 1):
        assert text.endswith(f"Trang {number}/{len(texts)}")
        assert ("KH-" not in text) or all(heading in text for heading in headings())


def test_a_text_of_any_kind_is_printed() -> None:
    """Marks that came apart are composed; line ends, what is not printable, letters the font lacks break neither."""
    name = "Hô\u0323i viên\x00\x0b\nMẫu \u200b字" + "x" * 150
    assert printable(name) == "Hội viên Mẫu 字" + "x" * 150
    text = " ".join(pages(pdf.written(held(proposal(representative=name, purpose="W" * 300)))))
    assert "Hội viên Mẫu" in text
    assert printable(name) in [row[1] for row in lines(xlsx.written(held(proposal(representative=name))))]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**12), st.integers(1, 10**12)), max_size=6))
def test_totals_are_the_sums_of_their_columns(amounts: list[tuple[int, int]]) -> None:
    """In the workbook as it is read back."""
    meeting = held(*(proposal(asked=asked, agreed=agreed) for asked, agreed in amounts))
    rows = lines(xlsx.written(meeting))
    top = rows.index(tuple(headings()))
    listed, total = rows[top + 1 : top + 1 + len(amounts)], rows[top + 1 + len(amounts)]
    for column in (5, 6):
        assert total[column] == sum(row[column] for row in listed)


@given(st.integers(0, 10**15))
def test_a_number_has_a_dot_every_three_digits(number: int) -> None:
    """From the right, and says the same without them."""
    first, *others = dotted(number).split(".")
    assert 1 <= len(first) <= 3
    assert all(len(each) == 3 for each in others)
    assert int(first + "".join(others)) == number


def test_the_columns_fill_the_page() -> None:
    """A4 across, less its margins."""
    assert sum(column.width for column in COLUMNS) == 297 - 2 * pdf.MARGIN
