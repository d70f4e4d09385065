"""Early warnings: each rule fires on its day and not before, says why in both languages, and ends when it is over."""

from typing import Any
from uuid import uuid4

import httpx

from tests.builders import made
from tests.loans.groups import group
from tests.loans.lending import act, contract, entry
from tests.loans.reconciling import collected, key
from tests.loans.test_portfolio import asked, lent

CHECKED = {"done_on": "2022-02-20", "result": "proper"}


async def check(loans: httpx.AsyncClient, loan: str, **found: Any) -> str:
    """The check of a loan's one disbursement is done."""
    (one,) = (await loans.get("/v1/checks", params={"loan": loan})).json()["items"]
    path = f"/v1/checks/{one['id']}/result"
    await made(await loans.post(path, json={**CHECKED, **found}, headers=key(one["version"])), 200)
    return str(one["id"])


async def quiet(loans: httpx.AsyncClient, amount: int = 1_500_000, **fields: Any) -> str:
    """A loan due at the end of 2024, its use checked: nothing to warn of."""
    one = await lent(loans, amount, "2022-02-01", **fields)
    await check(loans, one)
    return one


async def warned(
    loans: httpx.AsyncClient, as_of: str, language: str = "en", **params: Any
) -> dict[str, dict[str, str]]:
    """What is said of each loan on a day, by rule; each item is of the loan that it names."""
    answer = await loans.get(
        "/v1/portfolio/warnings", params={"as_of": as_of, **params}, headers={"accept-language": language}
    )
    found = {}
    for item in (await made(answer, 200))["items"]:
        loan = (await loans.get(f"/v1/loans/{item['loan']}", params={"as_of": as_of})).json()
        who = (await loans.get(f"/v1/borrowers/{item['borrower']}")).json()
        assert (item["amount"], item["borrower"]) == (loan["outstanding"], loan["borrower"])
        assert (item["customer_code"], item["unit"]) == (who["customer_code"], who["unit"])
        found[item["loan"]] = {rule["code"]: rule["message"] for rule in item["rules"]}
    return found


async def test_debt_that_falls_due_unpaid(loans: httpx.AsyncClient) -> None:
    """From 30 days before, unless principal was repaid in six months; a reversed repayment is none."""
    one = await quiet(loans)
    assert await warned(loans, "2024-11-30") == {}
    said = "1,500,000 VND falls due on 2024-12-31, and no principal was repaid in the last 6 months"
    assert await warned(loans, "2024-12-01") == {one: {"due_unpaid": said}}
    assert await warned(loans, "2024-12-31", "vi") == {
        one: {"due_unpaid": "1.500.000 đồng đến hạn ngày 31/12/2024, 6 tháng qua chưa trả gốc"}
    }
    await made(await entry(loans, one, "repayments", 500_000, "2024-06-05"))
    assert await warned(loans, "2024-12-04") == {}
    assert list((await warned(loans, "2024-12-05"))[one]) == ["due_unpaid"]
    paid = await made(await entry(loans, one, "repayments", 1, "2024-12-02"))
    assert await warned(loans, "2024-12-05") == {}
    await made(await loans.post(f"/v1/entries/{paid['entries'][0]}/reversal", json={}, headers=key()))
    assert list((await warned(loans, "2024-12-05"))[one]) == ["due_unpaid"]


async def test_debt_overdue_for_the_first_time(loans: httpx.AsyncClient) -> None:
    """From the day after it is due until it is paid or extended; never again."""
    one = await quiet(loans, due_on="2024-06-30")
    assert await warned(loans, "2024-07-01") == {
        one: {"first_overdue": "1,500,000 VND is overdue for the first time, since 2024-07-01"}
    }
    assert await warned(loans, "2024-08-01", "vi") == {
        one: {"first_overdue": "1.500.000 đồng quá hạn lần đầu, từ ngày 01/07/2024"}
    }
    await made(await act(loans, one, "extensions", occurred_on="2024-08-10", until="2024-12-31"))
    assert list((await warned(loans, "2024-08-09"))[one]) == ["first_overdue"]
    for day in ("2024-08-10", "2025-01-05"):
        assert await warned(loans, day) == {}


async def test_use_that_was_not_checked_or_is_misuse(loans: httpx.AsyncClient) -> None:
    """A check not done in time, with how many; misuse from the day it was found until what became of it."""
    one = await lent(loans, 1_500_000, "2022-02-01")
    await made(await entry(loans, one, "disbursements", 500_000, "2022-02-10"))
    assert await warned(loans, "2022-03-03") == {}
    assert await warned(loans, "2022-03-04") == {
        one: {"check_overdue": "1 use-of-funds check(s) overdue, the first since 2022-03-03"}
    }
    assert await warned(loans, "2022-03-13", "vi") == {
        one: {"check_overdue": "2 lần kiểm tra sử dụng vốn quá hạn, sớm nhất phải xong ngày 03/03/2022"}
    }
    two = await lent(loans, 1_500_000, "2022-02-01")
    done = await check(loans, two, result="misused", done_on="2022-03-10")
    assert list((await warned(loans, "2022-03-09"))[two]) == ["check_overdue"]
    said = "Checked on 2022-03-10: of 1,500,000 VND disbursed there was misuse, which is not settled"
    assert (await warned(loans, "2022-03-10"))[two] == {"check_misused": said}
    assert (await warned(loans, "2022-03-10", "vi"))[two] == {
        "check_misused": "Kiểm tra ngày 10/03/2022: 1.500.000 đồng giải ngân bị sử dụng sai mục đích, chưa xử lý xong"
    }
    body = {"settled_on": "2022-04-01", "outcome": "put_right"}
    await made(await loans.post(f"/v1/checks/{done}/follow-up", json=body, headers=key(2)), 200)
    assert two in await warned(loans, "2022-03-31")
    assert two not in await warned(loans, "2022-04-01")


async def test_a_group_that_is_rated_lower(loans: httpx.AsyncClient) -> None:
    """Of members only: fallen from one month to the next, and weak as long as it is."""
    formed = await group(loans)
    members = (await loans.get(f"/v1/groups/{formed['id']}/members")).json()["items"]
    opened = await made(await loans.post("/v1/loans", json=contract({"id": members[0]["borrower"]})))
    await made(await entry(loans, opened["id"], "disbursements", 100, "2022-02-01"))
    await check(loans, opened["id"])
    await quiet(loans)
    for month, rating in (("2024-02", "good"), ("2024-03", "fair"), ("2024-04", "weak"), ("2024-05", "weak")):
        version = (await loans.get(f"/v1/groups/{formed['id']}")).headers["etag"]
        path = f"/v1/groups/{formed['id']}/ratings/{month}"
        await made(await loans.put(path, json={"rating": rating}, headers={"if-match": version}), 200)
    for day, language, said in (
        ("2024-02-29", "en", None),
        ("2024-03-01", "en", {"group_rating_fell": "The group's rating fell from good to fair in 2024-03"}),
        ("2024-03-31", "vi", {"group_rating_fell": "Xếp loại tổ giảm từ tốt xuống khá, tháng 03/2024"}),
        (
            *("2024-04-01", "en"),
            {
                "group_rating_fell": "The group's rating fell from fair to weak in 2024-04",
                "group_rating_weak": "The group is rated weak, as of 2024-04",
            },
        ),
        ("2024-05-01", "vi", {"group_rating_weak": "Tổ xếp loại yếu, từ tháng 05/2024"}),
    ):
        assert await warned(loans, day, language) == ({opened["id"]: said} if said else {})
    assert await warned(loans, "2024-05-01", group=str(uuid4())) == {}
    assert list(await warned(loans, "2024-05-01", group=formed["id"])) == [opened["id"]]


async def test_cash_that_waits_for_the_bank(loans: httpx.AsyncClient) -> None:
    """More than seven days after it was collected, until the bank has it: principal and interest, and the oldest."""
    one = await quiet(loans)
    receipt = await collected(loans, {"id": one}, principal=200_000, interest=5_000)
    await collected(loans, {"id": one}, principal=1_000, collected_on="2023-06-23")
    assert await warned(loans, "2023-06-27") == {}
    said = "205,000 VND collected over 7 days ago is not confirmed; the oldest of 2023-06-20"
    assert await warned(loans, "2023-06-28") == {one: {"receipts_pending": said}}
    assert await warned(loans, "2023-07-01", "vi") == {
        one: {"receipts_pending": "206.000 đồng đã thu quá 7 ngày, ngân hàng chưa xác nhận; sớm nhất ngày 20/06/2023"}
    }
    path = f"/v1/receipts/{receipt['id']}/confirmation"
    await made(await loans.post(path, json={"occurred_on": "2023-07-01"}, headers=key(1)), 200)
    assert (await warned(loans, "2023-07-01"))[one] == {
        "receipts_pending": "1,000 VND collected over 7 days ago is not confirmed; the oldest of 2023-06-23"
    }


async def test_a_freeze_that_ends(loans: httpx.AsyncClient) -> None:
    """Sixty days before its last day, with what of it is still frozen: what ends first is repaid first."""
    one = await quiet(loans)
    for amount, until in ((1_000_000, "2023-06-30"), (300_000, "2024-03-31")):
        frozen: dict[str, Any] = {"amount": amount, "occurred_on": "2022-06-01", "until": until, "damage_percent": 50}
        await made(await act(loans, one, "freezes", **frozen))
    assert await warned(loans, "2023-04-30") == {}
    assert await warned(loans, "2023-05-01") == {
        one: {"freeze_ending": "The freeze of 1,000,000 VND ends, the first on 2023-06-30"}
    }
    await made(await entry(loans, one, "repayments", 600_000, "2023-05-10"))
    assert await warned(loans, "2023-06-30", "vi") == {
        one: {"freeze_ending": "600.000 đồng hết thời hạn khoanh nợ, sớm nhất ngày 30/06/2023"}
    }
    assert await warned(loans, "2023-07-01") == {}
    await made(await entry(loans, one, "repayments", 600_000, "2023-05-11"))
    assert await warned(loans, "2023-06-30") == {}


async def test_warnings_page_by_page(loans: httpx.AsyncClient) -> None:
    """Every loan with a warning stands on one page; what is repaid stands on none, whatever was amiss with it."""
    found = {await lent(loans, 100, "2022-02-01") for _ in range(5)}
    repaid = await lent(loans, 100, "2022-02-01")
    await made(await entry(loans, repaid, "repayments", 100, "2022-02-05"))
    await quiet(loans)
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while not pages or cursor:
        page = await asked(loans, "warnings", as_of="2022-06-01", limit=2, **cursor)
        pages.append([each["loan"] for each in page["items"]])
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {loan for page in pages for loan in page} == found
