"""The peer's lending: a repayment as Apache Fineract records it, in the idioms of FastAPI and SQLAlchemy's asyncio ORM.

A command source row (audit, and the idempotency key: unique with action and entity) is found or saved first, in a
transaction of its own, so that a repeat finds it under way. Then the loan is loaded with its transactions and checked,
a transaction is added, the loan's summary columns are summed anew under an optimistic version, the command gets its
result, an external event is written, and all of it is committed. Left out, to the peer's gain: accounting entries, the
repayment schedule, the second event that Fineract raises, its hooks and permissions.
"""

import uuid
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Depends, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import JSON, BigInteger, ForeignKey, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from tests.bench.orm_peer import ENGINE, Base, app, caller, serve, session

__all__ = ["ENGINE", "Base"]
Money = Annotated[int, mapped_column(BigInteger)]
LOAN, REPAYMENT = "LOAN", "REPAYMENT"
ACTIVE, CLOSED = 300, 600
UNDER_PROCESSING, PROCESSED = 0, 1


class Loan(Base):
    """A loan with what its transactions add up to."""

    __tablename__ = "peer_loan"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_no: Mapped[str] = mapped_column(unique=True)
    office: Mapped[str]
    status: Mapped[int]
    disbursed_on: Mapped[date]
    matures_on: Mapped[date]
    principal_disbursed: Mapped[Money]
    principal_repaid: Mapped[Money]
    interest_repaid: Mapped[Money]
    total_outstanding: Mapped[Money]
    last_modified_by: Mapped[str]
    last_modified_at: Mapped[datetime]
    version: Mapped[int] = mapped_column()
    transactions: Mapped[list["Transaction"]] = relationship(order_by="Transaction.on, Transaction.id")
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # as SQLAlchemy has it

    def summarise(self) -> None:
        """Sum the transactions anew."""
        counted = [each for each in self.transactions if not each.reversed]
        self.principal_disbursed = sum(each.amount for each in counted if each.kind == "disbursement")
        self.principal_repaid = sum(each.principal_portion for each in counted)
        self.interest_repaid = sum(each.interest_portion for each in counted)
        self.total_outstanding = self.principal_disbursed - self.principal_repaid
        self.status = ACTIVE if self.total_outstanding else CLOSED


class Transaction(Base):
    """Money paid out or back."""

    __tablename__ = "peer_transaction"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    loan: Mapped[uuid.UUID] = mapped_column(ForeignKey("peer_loan.id"), index=True)
    kind: Mapped[str]
    on: Mapped[date]
    amount: Mapped[Money]
    principal_portion: Mapped[Money]
    interest_portion: Mapped[Money]
    outstanding: Mapped[Money]
    reversed: Mapped[bool]
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class CommandSource(Base):
    """What was commanded, by whom, with what result."""

    __tablename__ = "peer_command_source"
    __table_args__ = (UniqueConstraint("action_name", "entity_name", "idempotency_key"),)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    action_name: Mapped[str]
    entity_name: Mapped[str]
    idempotency_key: Mapped[str]
    href: Mapped[str]
    loan: Mapped[uuid.UUID] = mapped_column(index=True)
    command: Mapped[dict[str, Any]] = mapped_column(JSON)
    maker: Mapped[str] = mapped_column(index=True)
    made_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int]
    resource: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    result_status_code: Mapped[int | None]


class ExternalEvent(Base):
    """An event to be published."""

    __tablename__ = "peer_external_event"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    type: Mapped[str]
    category: Mapped[str]
    schema: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(index=True)
    idempotency_key: Mapped[str]
    aggregate_root: Mapped[uuid.UUID]
    business_date: Mapped[date]
    created_at: Mapped[datetime]


class RepaymentIn(BaseModel):
    """What was paid back, VND; it goes to principal."""

    transaction_date: date
    transaction_amount: int
    receipt_number: str | None = None


class ResultOut(BaseModel):
    """The transaction that was recorded, and what changed."""

    office: str
    loan: uuid.UUID
    resource: int
    changes: dict[str, Any]


@app.post("/v1/loans/{loan_id}/transactions", status_code=201)
async def repay(
    loan_id: uuid.UUID,
    body: RepaymentIn,
    db: Annotated[AsyncSession, Depends(session)],
    claims: Annotated[dict[str, Any], Depends(caller)],
    idempotency_key: Annotated[str, Header()],
    commits: int = 2,
) -> ResultOut:
    """Record a repayment. With `commits` 1 the command source is saved in the transaction of its effect."""
    keyed = {"action_name": REPAYMENT, "entity_name": LOAN, "idempotency_key": idempotency_key}
    known = (await db.execute(select(CommandSource).filter_by(**keyed))).scalar_one_or_none()
    if known is not None:
        if known.status != PROCESSED:
            raise HTTPException(409, "under processing")
        return ResultOut.model_validate(known.result)
    now, maker = datetime.now(UTC).replace(tzinfo=None), claims["sub"]
    command = CommandSource(
        **keyed,
        href=f"/loans/{loan_id}/transactions?command=repayment",
        loan=loan_id,
        command=body.model_dump(mode="json"),
        maker=maker,
        made_at=now,
        status=UNDER_PROCESSING,
    )
    db.add(command)
    await (db.commit() if commits > 1 else db.flush())
    query = select(Loan).where(Loan.id == loan_id).options(selectinload(Loan.transactions))
    loan = (await db.execute(query)).scalar_one_or_none()
    if loan is None:
        raise HTTPException(404)
    if loan.status != ACTIVE or not loan.disbursed_on <= body.transaction_date <= now.date():
        raise HTTPException(403, "not in this status, or on this day")
    if not 0 < body.transaction_amount <= loan.total_outstanding:
        raise HTTPException(403, "more than is outstanding")
    made = Transaction(
        kind="repayment",
        on=body.transaction_date,
        amount=body.transaction_amount,
        principal_portion=body.transaction_amount,
        interest_portion=0,
        outstanding=loan.total_outstanding - body.transaction_amount,
        reversed=False,
        created_by=maker,
        created_at=now,
    )
    loan.transactions.append(made)
    loan.summarise()
    loan.last_modified_by, loan.last_modified_at = maker, now
    await db.flush()
    result = ResultOut(office=loan.office, loan=loan.id, resource=made.id, changes=command.command)
    command.status, command.resource, command.result_status_code = PROCESSED, made.id, 201
    command.result = result.model_dump(mode="json")
    db.add(
        ExternalEvent(
            type="LoanTransactionMakeRepaymentPostBusinessEvent",
            category="Loan",
            schema="LoanTransactionDataV1",
            data={
                **command.command,
                "id": made.id,
                "loan": str(loan.id),
                "outstanding": made.outstanding,
                "summary": {
                    "principal_disbursed": loan.principal_disbursed,
                    "principal_repaid": loan.principal_repaid,
                    "interest_repaid": loan.interest_repaid,
                    "total_outstanding": loan.total_outstanding,
                },
            },
            status="TO_BE_SENT",
            idempotency_key=str(uuid.uuid4()),
            aggregate_root=loan.id,
            business_date=body.transaction_date,
            created_at=now,
        )
    )
    await db.commit()
    await db.refresh(loan)
    return result


if __name__ == "__main__":
    serve()
