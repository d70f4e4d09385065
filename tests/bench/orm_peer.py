"""The peer: the same enrolment, list and search written with the usual idioms of FastAPI and SQLAlchemy's asyncio ORM.

Session per request by a `yield` dependency, token verified per request, objects loaded, added, committed, refreshed.
It records what ours does: the person, her dated timeline with the household's poverty status, the folded name with the
index that a search needs, and an event that tells the timeline.
Pages by offset; a name is sought by ILIKE, as DHIS2 (`like` filters) and Fineract (client search) do it, but without
the total that they count. Nothing is masked, and no look is logged.
"""

import os
import unicodedata
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any

import jwt
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, ForeignKey, Index, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Declarative base."""


class Branch(Base):
    """A branch."""

    __tablename__ = "peer_branch"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    unit: Mapped[str]
    closed_on: Mapped[date | None]
    timeline: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class Household(Base):
    """A household."""

    __tablename__ = "peer_household"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    unit: Mapped[str]
    timeline: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class Member(Base):
    """A member."""

    __tablename__ = "peer_member"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    unit: Mapped[str]
    branch: Mapped[uuid.UUID] = mapped_column(ForeignKey("peer_branch.id"), index=True)
    household: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("peer_household.id"), index=True)
    name: Mapped[str]
    birth_year: Mapped[int | None]
    ethnicity: Mapped[str]
    kind: Mapped[str]
    core: Mapped[bool]
    joined_on: Mapped[date]
    status: Mapped[str] = mapped_column(default="active")
    poverty_status: Mapped[str | None]
    name_folded: Mapped[str]
    timeline: Mapped[list[dict[str, Any]]] = mapped_column(JSON, deferred=True)
    version: Mapped[int] = mapped_column(default=1)
    recorded_at: Mapped[datetime]


Index("peer_member_words", func.to_tsvector(literal_column("'simple'"), Member.name_folded), postgresql_using="gin")
Index("peer_member_same", Member.name_folded, Member.birth_year)


class Outbox(Base):
    """An event to be published."""

    __tablename__ = "peer_outbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    subject: Mapped[uuid.UUID] = mapped_column(index=True)
    version: Mapped[int]
    occurred_on: Mapped[date]
    unit: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    actor: Mapped[str]
    published: Mapped[bool] = mapped_column(default=False, index=True)


class MemberIn(BaseModel):
    """Who joins."""

    branch: uuid.UUID
    household: uuid.UUID | None = None
    name: str
    birth_year: int | None = None
    ethnicity: str = "01"
    kind: str = "ordinary"
    core: bool = False
    joined_on: date


class Spell(BaseModel):
    """What held from a day on."""

    since: date
    cause: str = "began"
    unit: str
    branch: uuid.UUID
    household: uuid.UUID | None
    status: str = "active"
    kind: str
    core: bool
    ethnicity: str
    poverty_status: str | None = None


class MemberOut(MemberIn):
    """The member as stored."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    unit: str
    status: str
    poverty_status: str | None
    version: int
    recorded_at: datetime


ENGINE = create_async_engine(os.environ["PEER_DATABASE"], pool_size=20, max_overflow=0)
SESSION = async_sessionmaker(ENGINE, expire_on_commit=False)
KEY = os.environ["PEER_KEY"]
app = FastAPI()


async def session() -> AsyncIterator[AsyncSession]:
    """A session for the request."""
    async with SESSION() as made:
        yield made


def caller(authorization: Annotated[str, Header()]) -> dict[str, Any]:
    """The verified claims."""
    try:
        claims: dict[str, Any] = jwt.decode(
            authorization.removeprefix("Bearer "), KEY, algorithms=["RS256"], audience="danvan"
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401, str(error)) from None
    if "members:write" not in claims["scope"].split():
        raise HTTPException(403)
    return claims


def folded(name: str) -> str:
    """Lower case without Vietnamese marks."""
    plain = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    return "".join(each for each in plain if not unicodedata.combining(each))


def lived(body: MemberIn, branch: Branch, household: Household | None) -> Iterator[Spell]:
    """Her timeline: a spell from the day she joins, and from each on which her branch's unit or her home's status is
    another."""
    homes = household.timeline if household else []
    days = {date.fromisoformat(each["since"]) for each in (*branch.timeline, *homes)}
    for since in sorted({body.joined_on, *(day for day in days if day > body.joined_on)}):
        there = [each for each in branch.timeline if each["since"] <= since.isoformat()] or branch.timeline
        held = [each for each in homes if each["since"] <= since.isoformat()]
        yield Spell(
            since=since,
            unit=there[-1]["unit"],
            poverty_status=held[-1].get("poverty_status") if held else None,
            **body.model_dump(include={"branch", "household", "kind", "core", "ethnicity"}),
        )


@app.post("/v1/members", status_code=201)
async def enrol(
    body: MemberIn,
    db: Annotated[AsyncSession, Depends(session)],
    claims: Annotated[dict[str, Any], Depends(caller)],
) -> MemberOut:
    """Enrol a member."""
    branch = (await db.execute(select(Branch).where(Branch.id == body.branch))).scalar_one_or_none()
    if branch is None or branch.closed_on is not None:
        raise HTTPException(422, "branch")
    household = None
    if body.household is not None:
        household = await db.get(Household, body.household)
        if household is None or household.unit != branch.unit:
            raise HTTPException(422, "household")
    spells = [spell.model_dump(mode="json") for spell in lived(body, branch, household)]
    member = Member(
        **body.model_dump(),
        unit=branch.unit,
        poverty_status=spells[-1]["poverty_status"],
        name_folded=folded(body.name),
        timeline=spells,
        recorded_at=datetime.now(UTC).replace(tzinfo=None),
    )
    db.add(member)
    await db.flush()
    db.add(
        Outbox(
            type="member.enrolled",
            subject=member.id,
            version=1,
            occurred_on=member.joined_on,
            unit=member.unit,
            data={"birth_year": body.birth_year, "timeline": spells},
            actor=claims["sub"],
        )
    )
    await db.commit()
    await db.refresh(member)
    return MemberOut.model_validate(member)


@app.get("/v1/members", dependencies=[Depends(caller)])
async def find(
    db: Annotated[AsyncSession, Depends(session)],
    unit: str | None = None,
    branch: uuid.UUID | None = None,
    q: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[MemberOut]:
    """Members of a unit or a branch, or by a part of the name."""
    query = select(Member).order_by(Member.unit, Member.id).limit(limit).offset(offset)
    if unit is not None:
        query = query.where(Member.unit == unit)
    if branch is not None:
        query = query.where(Member.branch == branch)
    if q is not None:
        query = query.where(Member.name.ilike(f"%{q}%"))
    return [MemberOut.model_validate(member) for member in (await db.scalars(query)).all()]


def serve() -> None:
    """Answer until ended."""
    uvicorn.run(
        app, port=int(os.environ["PEER_PORT"]), loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )


if __name__ == "__main__":
    serve()
