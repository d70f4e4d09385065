"""The demo's loans: each goes through the whole chain, in batches, as officers and the bank would send them."""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from deploy.dev import groups
from deploy.dev.province import MONG_DUONG, SOURCES, Loan, contract_number, customer_code
from deploy.dev.writer import Body, Writer

START = Path(__file__).parents[2] / "services" / "loans" / "programmes" / "start.json"
AT_ONCE = 500
ASKED, APPRAISED, CONFIRMED, DECIDED = (timedelta(days=days) for days in (20, 14, 9, 2))
"""How long before the contract each step is taken."""
AGAIN = date(2026, 5, 4)
"""When every tenth household applies once more."""
CHECKED = timedelta(days=20)
"""How long after a disbursement somebody looks what became of the money."""


def programmes() -> list[Body]:
    """The terms to start with, as the loans service ships them."""
    start = json.loads(START.read_text(encoding="utf-8"))
    return [{**start["common"], **item} for item in start["items"]]


async def publish(loans: Writer) -> dict[str, Body]:
    """Publish the terms; each by its code."""
    terms = programmes()
    for body in terms:
        await loans.send("POST", "/v1/programmes", f"programme:{body['code']}", body)
    return {body["code"]: body for body in terms}


class Commune:
    """The loans of one commune."""

    def __init__(self, loans: Writer, terms: dict[str, Body], code: str) -> None:
        self.loans, self.terms, self.code = loans, terms, code

    async def batch(self, path: str, kind: str, rows: Sequence[Body]) -> list[str]:
        """Send rows in batches; the ids they were given. RuntimeError if one is refused."""
        ids: list[str] = []
        for start in range(0, len(rows), AT_ONCE):
            body = {"items": list(rows[start : start + AT_ONCE])}
            done = await self.loans.send("POST", path, f"{kind}:{self.code}:{start}", body)
            if done["refused"]:
                refused = next(item for item in done["items"] if item["verdict"] == "refused")
                raise RuntimeError(f"{path}: the demo's own row was refused: {refused} {body['items'][refused['row']]}")
            for item in done["items"]:
                self.loans.applied(f"loans:{item['id']}", item["version"])
            ids += [item["id"] for item in done["items"]]
        return ids

    async def lend(self, homes: Sequence[Body], lent: Sequence[Loan], chance: random.Random) -> None:
        """Customers, their applications with every step, contracts and ledgers; then requests that came to nothing."""
        pairs = list(zip(homes, lent, strict=False))
        who = await self.batch("/v1/borrowers/batch", "borrowers", [self.customer(n, *p) for n, p in enumerate(pairs)])
        asked = [self.request(borrower, loan) for borrower, (_, loan) in zip(who, pairs, strict=True)]
        applications = await self.apply("", asked, [loan.disbursed[0][0] for _, loan in pairs])
        contracts = [
            self.contract(number, *each, chance.choice(SOURCES))
            for number, each in enumerate(zip(who, applications, [loan for _, loan in pairs], strict=True), 1)
        ]
        signed = await self.batch("/v1/loans/batch", "loans", contracts)
        entries = [row for loan_id, (_, loan) in zip(signed, pairs, strict=True) for row in ledger(loan_id, loan)]
        await self.batch("/v1/loans/entries", "entries", entries)
        for loan_id, (_, loan) in zip(signed, pairs, strict=True):
            if loan.frozen:
                day, amount, until = loan.frozen
                body = {"occurred_on": str(day), "amount": amount, "until": str(until), "damage_percent": 60}
                await self.loans.send("POST", f"/v1/loans/{loan_id}/freezes", f"freeze:{loan_id}", body)
        good = [borrower for borrower, (_, loan) in zip(who, pairs, strict=True) if loan.repaid]
        await self.apply_again(good[3::10])
        await groups.form(self.loans, self.code, homes, who)
        if self.code == MONG_DUONG:
            await self.check(signed)
        page = await self.loans.read("/v1/borrowers", unit=self.code, limit="500", fields="id,version")
        for borrower in page["items"]:
            self.loans.applied(f"loans:{borrower['id']}", borrower["version"])

    def customer(self, number: int, home: Body, loan: Loan) -> Body:
        """A household that becomes a customer."""
        customer = customer_code(self.code, number + 1)
        return {
            "household": home["id"],
            "unit": self.code,
            "branch": home["branch"],
            "customer_code": customer,
            "customer_since": str(loan.disbursed[0][0] - ASKED),
            "representative": f"Chủ hộ Mẫu {customer}",
            "poverty_status": loan.status,
        }

    def request(self, borrower: str, loan: Loan) -> Body:
        """An application for all that will be disbursed."""
        terms, first = self.terms[loan.programme], loan.disbursed[0][0]
        return {
            "borrower": borrower,
            "programme": loan.programme,
            "amount": sum(amount for _, amount in loan.disbursed),
            "term_months": terms["longest_term_months"],
            "applied_on": str(first - ASKED),
            "papers": [paper["code"] for paper in terms["papers"]],
        }

    async def apply(self, round_: str, asked: Sequence[Body], contracts: Sequence[date]) -> list[str]:
        """Applications, each taken from step to step up to the bank's approval."""
        ids = await self.batch("/v1/applications/batch", f"applications{round_}", asked)
        rows = list(zip(ids, asked, contracts, strict=True))
        votes = {"present": 32, "in_favour": 31, "against": 1}
        appraisals = [
            {
                "application": each,
                "version": 1,
                "on": str(day - APPRAISED),
                **votes,
                "conditions": [condition["code"] for condition in self.terms[body["programme"]]["conditions"]],
            }
            for each, body, day in rows
        ]
        await self.batch("/v1/applications/appraisals", f"appraisals{round_}", appraisals)
        confirmations = [{"application": each, "version": 2, "on": str(day - CONFIRMED)} for each, _, day in rows]
        await self.batch("/v1/applications/confirmations", f"confirmations{round_}", confirmations)
        decisions = [
            {"application": each, "version": 3, "on": str(day - DECIDED), "approved": True} for each, _, day in rows
        ]
        await self.batch("/v1/applications/decisions", f"decisions{round_}", decisions)
        return ids

    async def apply_again(self, who: Sequence[str]) -> None:
        """Requests for students: every third withdrawn, every third refused by the group, the rest under way."""
        again = [
            {
                "borrower": each,
                "programme": "students",
                "amount": 20_000_000,
                "term_months": 60,
                "applied_on": str(AGAIN),
            }
            for each in who
        ]
        if not again:
            return
        ids = await self.batch("/v1/applications/batch", "again", again)
        for each in ids[::3]:
            path = f"/v1/applications/{each}/withdrawal"
            await self.loans.send("POST", path, f"withdrawal:{each}", {"on": str(AGAIN + APPRAISED)}, 1)
        refused = [
            {"application": each, "version": 1, "on": str(AGAIN), "present": 30, "in_favour": 9, "against": 20}
            for each in ids[1::3]
        ]
        if refused:
            await self.batch("/v1/applications/appraisals", "refusals", refused)

    async def check(self, signed: Sequence[str]) -> None:
        """Look after what was disbursed in 2025: a few were misused and put right, every 17th is still to be done."""
        page = await self.loans.read("/v1/checks", unit=self.code, limit="500")
        due = [check for check in page["items"] if check["disbursed_on"].startswith("2025")]
        due.sort(key=lambda check: (signed.index(check["loan"]), check["disbursed_on"]))
        await asyncio.gather(*(self.look(number, check) for number, check in enumerate(due, 1) if number % 17))

    async def look(self, number: int, check: Body) -> None:
        """Record what a check found, and what became of misuse."""
        path, done_on = f"/v1/checks/{check['id']}", date.fromisoformat(check["disbursed_on"]) + CHECKED
        result = "misused" if number % 31 == 0 else "partly" if number % 12 == 0 else "proper"
        found = {"done_on": str(done_on), "result": result, "bought": "Vật tư, con giống (mẫu)"}
        await self.loans.send("POST", f"{path}/result", f"check:{check['id']}", found, 1)
        if result == "misused":
            body = {"settled_on": str(done_on + CHECKED), "outcome": "put_right"}
            await self.loans.send("POST", f"{path}/follow-up", f"follow-up:{check['id']}", body, 2)

    def contract(self, number: int, borrower: str, application: str, loan: Loan, source: str) -> Body:
        """The contract that an approved application leads to."""
        return {
            "application": application,
            "borrower": borrower,
            "programme": loan.programme,
            "capital_source": source,
            "contract_number": contract_number(self.code, number),
            "contract_on": str(loan.disbursed[0][0]),
            "due_on": str(loan.due_on),
        }


def ledger(loan_id: str, loan: Loan) -> list[Body]:
    """What was paid out and back."""
    out = [{"kind": "disbursement", "occurred_on": str(day), "amount": amount} for day, amount in loan.disbursed]
    back = [{"kind": "repayment", "occurred_on": str(day), "principal": amount} for day, amount in loan.repaid]
    return [{"loan": loan_id, **row} for row in (*out, *back)]
