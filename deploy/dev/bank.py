"""The bank's side of the demo: its file of December 2025, made of what was drawn and not of any ledger of ours.

Mông Dương's file says what its ledger says. In Ba Chẽ's ledger a repayment lacks a zero: the file shows it, an officer
of the commune proposes what puts it right, the province approves, and the month is matched again.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from io import StringIO
from typing import NamedTuple

import httpx

from contracts import units
from deploy.dev.issuer import SECRET
from deploy.dev.lending import programmes
from deploy.dev.province import BA_CHE, MONG_DUONG, Loan, contract_number, customer_code
from deploy.dev.writer import Body, Writer

AS_OF = date(2025, 12, 31)
OFFICERS = {MONG_DUONG: "mong-duong", BA_CHE: "ba-che"}
"""Which demo client sends a commune's file."""
HEADINGS = (
    *("STT", "Số hợp đồng", "Mã khách hàng", "Chương trình", "Dư nợ trong hạn", "Dư nợ quá hạn", "Nợ khoanh"),
    *("Giải ngân", "Gốc đã trả"),
)
NOTE = "Sổ ghi thiếu một số 0 so với chứng từ của ngân hàng"
Money = Iterable[tuple[date, int]]


def lines(code: str, lent: Sequence[Loan], day: date) -> list[list[int | str]]:
    """What the bank's books say on a day of every loan of a commune that is owed or moved in the month."""
    names = {terms["code"]: terms["name_vi"] for terms in programmes()}
    found: list[list[int | str]] = []
    for number, loan in enumerate(lent, 1):
        month = day.replace(day=1)
        figures = [*owed(loan, day), *(total(money, month, day) for money in (loan.disbursed, loan.repaid))]
        if any(figures):
            named = contract_number(code, number), customer_code(code, number), names[loan.programme]
            found.append([len(found) + 1, *named, *figures])
    return found


def owed(loan: Loan, day: date) -> tuple[int, int, int]:
    """In term, overdue and frozen at the end of a day, VND."""
    left = total(loan.disbursed, date.min, day) - total(loan.repaid, date.min, day)
    began, amount, last = loan.frozen or (date.max, 0, date.max)
    frozen = amount if began <= day <= last else 0
    return (left - frozen, 0, frozen) if day <= loan.due_on else (0, left - frozen, frozen)


def total(money: Money, first: date, last: date) -> int:
    """What moved from one day to another."""
    return sum(amount for day, amount in money if first <= day <= last)


def file(found: Sequence[Sequence[int | str]]) -> bytes:
    """The lines as the bank sends them: headings above, sums below."""
    sums = [sum(int(row[n]) for row in found) for n in range(4, len(HEADINGS))]
    text = StringIO()
    csv.writer(text).writerows([HEADINGS, *found, ["", "", "", "Tổng cộng", *sums]])
    return text.getvalue().encode("utf-8-sig")


def miswritten(lent: Sequence[Loan]) -> list[Loan]:
    """The loans as the ledger of Ba Chẽ gets them: the first repayment by the bank's day lacks its last zero."""
    number = next(n for n, loan in enumerate(lent) if total(loan.repaid, date.min, AS_OF))
    (day, amount), *rest = lent[number].repaid
    wrong = lent[number]._replace(repaid=((day, amount // 10), *rest))
    return [*lent[:number], wrong, *lent[number + 1 :]]


async def token_of(client: httpx.AsyncClient, issuer: str, name: str) -> str:
    """A token of a demo client."""
    form = {"grant_type": "client_credentials", "client_id": name, "client_secret": SECRET}
    answer = (await client.post(f"{issuer}/token", data=form)).raise_for_status()
    return str(answer.json()["access_token"])


async def reconcile(officer: Writer, second: Writer, code: str, lent: Sequence[Loan]) -> None:
    """Send the month's file; where it differs, put the ledger right with a second person, and match again."""
    statement = await officer.upload(
        "/v1/statements", f"statement:{code}", file(lines(code, lent, AS_OF)), as_of=str(AS_OF)
    )
    path = f"/v1/statements/{statement['id']}"
    different = (await officer.read(f"{path}/differences"))["items"]
    for difference in different:
        await correct(officer, second, statement["id"], difference)
    if different:
        await officer.send("POST", f"{path}/matching", f"matching:{code}", {})


async def correct(officer: Writer, second: Writer, statement: str, difference: Body) -> None:
    """Propose to reverse the loan's first repayment and to post what the bank says it was; have it approved."""
    loan, bank, ours = (difference[name] for name in ("loan", "bank", "ours"))
    ledger = (await officer.read(f"/v1/loans/{loan}/ledger"))["items"]
    wrong = next(entry for entry in ledger if entry["kind"] == "principal")
    amount = wrong["amount"] + standing(ours) - standing(bank)
    body = {
        "statement": statement,
        "loan": loan,
        "lines": [
            {"kind": "reversal", "reverses": wrong["id"]},
            {"kind": "principal", "amount": amount, "occurred_on": wrong["occurred_on"]},
        ],
        "note": NOTE,
    }
    proposed = await officer.send("POST", "/v1/corrections", f"correction:{loan}", body)
    path = f"/v1/corrections/{proposed['id']}/approval"
    await second.send("POST", path, f"approval:{proposed['id']}", {}, proposed["version"])


def standing(figures: Mapping[str, int]) -> int:
    """All that is owed."""
    return sum(figures[state] for state in ("in_term", "overdue", "frozen"))


class Reconciled(NamedTuple):
    """A commune's month as the loans service answers it, VND."""

    unit: str
    lines: int
    bank: int
    ours: int
    remainder: int
    differences: int
    corrected: int


def reconciled(loans: str, token: str) -> list[Reconciled]:
    """What has become of each file."""
    with httpx.Client(base_url=loans, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:

        def read(path: str, **query: str) -> Body:
            body: Body = client.get(path, params=query).raise_for_status().json()
            return body

        found = []
        for statement in read("/v1/statements", month=str(AS_OF))["items"]:
            if (unit := statement["unit"]) in OFFICERS:
                path = f"/v1/statements/{statement['id']}"
                whole, different = read(f"{path}/reconciliation"), read(f"{path}/differences")["items"]
                approved = read("/v1/corrections", statement=statement["id"], state="approved")["items"]
                balances = whole["outstanding_bank"], whole["outstanding_ours"]
                left = sum(abs(value) for cell in whole["items"] for value in cell["remainder"].values())
                found.append(Reconciled(unit, statement["lines"], *balances, left, len(different), len(approved)))
    return sorted(found)


def report(loans: str, token: str) -> None:
    """Print what has become of each file."""
    print(f"\nThe bank's files of {AS_OF}, VND                          bank            ledger  remainder")
    for each in reconciled(loans, token):
        print(
            f"  {units.current()[each.unit].name:24} {each.lines:3} lines {each.bank:>25,} {each.ours:>17,}"
            f" {each.remainder:>10,}   {each.differences} differences, {each.corrected} corrected with four eyes"
        )
