"""Loans of the version before get their balances from their ledgers, and go on."""

from uuid import uuid4

import asyncpg

from services.chassis import migrate
from services.chassis.settings import Settings
from tests.builders import MONG_DUONG, made
from tests.conftest import SERVICES, Api, Database
from tests.loans.lending import entry, rows

BEFORE = """
with terms as (
    insert into programme (id, code, province, name_vi, name_en, valid_from, annual_rate_bps, overdue_rate_percent, cap,
                           longest_term_months, version, recorded_at)
    values (gen_random_uuid(), 'job_creation', '22', 'Việc làm', 'Jobs', '2020-01-01', 838, 130, 200, 60, 1, now())
    returning id
), who as (
    insert into borrower (id, household, unit, customer_code, version, recorded_at)
    values (gen_random_uuid(), gen_random_uuid(), $1, 'KH-1', 1, now()) returning id
)
insert into loan (id, borrower, unit, programme, programme_code, capital_source, contract_number, contract_on, due_on,
                  version, recorded_at)
select $2, who.id, $1, terms.id, 'job_creation', 'central', 'HD-1', '2022-01-10', '2024-12-31', 1, now()
from terms, who
"""
ENTRY = """
insert into entry (id, loan, kind, amount, occurred_on, recorded_at)
values (gen_random_uuid(), $1, $2, $3, $4::text::date, now())
"""


async def test_a_loan_of_the_version_before_is_carried_over(api: Api, database: Database) -> None:
    """On every day what its entries add up to, overdue after the due day; then repaid under the new rules."""
    url, loan = await database(), uuid4()
    await migrate.upgrade(Settings(database_url=url), SERVICES / "loans" / "migrations", "0002")
    conn = await asyncpg.connect(url)
    await conn.execute(BEFORE, MONG_DUONG, loan)
    for kind, amount, day in (("disbursement", 100, "2022-01-12"), ("principal", 30, "2023-01-01")):
        await conn.execute(ENTRY, loan, kind, amount, day)
    await conn.close()
    await migrate.upgrade(Settings(database_url=url), SERVICES / "loans" / "migrations")
    assert await rows(url, "select * from unbalanced($1)", [loan]) == []
    loans = await api("loans", url)
    for day, expected in (
        ("2022-01-11", ("signed", 0, 0)),
        ("2022-12-31", ("in_term", 100, 0)),
        ("2024-12-31", ("in_term", 70, 0)),
        ("2025-01-01", ("overdue", 0, 70)),
    ):
        shown = (await loans.get(f"/v1/loans/{loan}", params={"as_of": day})).json()
        assert (shown["status"], shown["in_term"], shown["overdue"]) == expected
    assert (shown["annual_rate_ppm"], shown["overdue_since"]) == (83_800, "2025-01-01")
    paid = await made(await entry(loans, str(loan), "repayments", 70, "2025-06-01"))
    assert (paid["status"], paid["principal_repaid"]) == ("repaid", 100)
    assert (await loans.get("/v1/programmes")).json()["items"][0]["longest_term_months"] == 60


async def test_a_loan_not_paid_out_before_is_paid_out_after(api: Api, database: Database) -> None:
    """Its due day, which the migration wrote down though nothing was owed, then says what is overdue."""
    url, loan = await database(), uuid4()
    await migrate.upgrade(Settings(database_url=url), SERVICES / "loans" / "migrations", "0002")
    conn = await asyncpg.connect(url)
    await conn.execute(BEFORE, MONG_DUONG, loan)
    await conn.close()
    await migrate.upgrade(Settings(database_url=url), SERVICES / "loans" / "migrations")
    assert len(await rows(url, "select from balance where loan = $1", loan)) == 2
    loans = await api("loans", url)
    paid_out = await made(await entry(loans, str(loan), "disbursements", 100, "2022-01-12"))
    assert (paid_out["status"], paid_out["overdue"], paid_out["overdue_since"]) == ("overdue", 100, "2025-01-01")
    owed = await rows(url, "select since::text, outstanding from balance where loan = $1 order by since", loan)
    assert [tuple(row) for row in owed] == [("2022-01-10", 0), ("2022-01-12", 100), ("2025-01-01", 100)]
