"""Members, loans, a relay and followers between them, on databases and topics of a test's own."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import uuid4

import httpx

from contracts.catalog import EVENTS
from services.chassis.consumer import consume
from services.chassis.entities import Apply, Read
from services.chassis.relay import relay
from services.chassis.settings import Settings
from services.chassis.worker import Worker
from services.loans.follower import GROUP, SOURCES
from services.loans.reorganisations import commands
from services.loans.reorganisations.course import read
from tests import builders
from tests.builders import made
from tests.chassis.bus import at_work, until
from tests.loans import groups
from tests.loans.lending import contract, entry, rows


class World(NamedTuple):
    """Both services' doors and databases."""

    members: httpx.AsyncClient
    loans: httpx.AsyncClient
    members_url: str
    loans_url: str
    settings: Settings

    async def home(self, branch: dict[str, Any]) -> dict[str, Any]:
        """A household of a branch."""
        return await builders.household(self.members, branch)

    async def borrower(self, home: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """The household as a customer since 2022, where it lives now."""
        body = {"household": home["id"], "unit": home["unit"], "branch": home["branch"], "customer_since": "2022-01-01"}
        return await made(await self.loans.post("/v1/borrowers", json={**body, "customer_code": uuid4().hex, **fields}))

    async def lent(self, borrower: dict[str, Any], amount: int) -> dict[str, Any]:
        """A loan of 2022 to it, paid out."""
        loan = await made(await self.loans.post("/v1/loans", json=contract(borrower, due_on="2026-12-31")))
        await made(await entry(self.loans, loan["id"], "disbursements", amount, "2022-02-01"))
        return loan

    async def group(self, branch: dict[str, Any], /, *homes: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """A group of these households, entrusted to the branch unless said otherwise."""
        who = [(await self.borrower(home))["id"] for home in homes]
        body = {"unit": branch["unit"], "branch": branch["id"], "members": who, "opened_on": "2023-01-10"}
        return await groups.group(self.loans, **{**body, **fields})

    async def one(self, noun: str, record: dict[str, Any]) -> dict[str, Any]:
        """A record of loans as it is now."""
        return await made(await self.loans.get(f"/v1/{noun}/{record['id']}"), 200)

    async def version(self, group: dict[str, Any]) -> int:
        """The version a group is at."""
        return int((await self.one("groups", group))["version"])

    async def undecided(self) -> set[str]:
        """The groups of which nobody can tell where they are."""
        return {each["id"] for each in (await self.loans.get("/v1/groups?warning=undecided")).json()["items"]}

    async def places(self, borrower: dict[str, Any]) -> list[tuple[str, str, str | None]]:
        """Where a borrower has lived."""
        now = await self.one("borrowers", borrower)
        return [(each["since"], each["unit"], each["branch"]) for each in now["places"]]

    async def spells(self, group: dict[str, Any]) -> list[tuple[str, str, str, str | None]]:
        """Where a group has been, and why."""
        now = await self.one("groups", group)
        return [(each["since"], each["cause"], each["unit"], each["branch"]) for each in now["timeline"]]

    async def caught_up(self) -> None:
        """Wait until all that members has told is read."""

        async def there() -> bool:
            told = (await rows(self.members_url, "select count(*) from journal"))[0][0]
            (read,) = await rows(self.loans_url, "select coalesce(sum(next_offset), 0) from consumer_offset")
            return bool(told == read[0])

        await until(there, 60)

    async def told(self, subject: dict[str, Any]) -> list[tuple[int, str, str, str, dict[str, Any]]]:
        """What loans has journalled of a record: version, type, day, by whom, data."""
        found = await rows(
            self.loans_url,
            """
            select version, split_part(type, '.', 5), occurred_on::text, actor, data from journal
            where subject = $1 order by version
            """,
            subject["id"],
        )
        return [(*each[:4], json.loads(each[4])) for each in map(tuple, found)]


@asynccontextmanager
async def following(
    world: World, *replicas: str, apply: Apply = commands.apply, read: Read = read
) -> AsyncIterator[list[Worker]]:
    """A relay of members, and followers at work, each in the Kafka group of its name (by default one)."""
    jobs = [Worker() for _ in (*(replicas or (GROUP,)), "relay")]
    of_members = world.settings.model_copy(update={"database_url": world.members_url})
    followers = [
        consume(job, world.settings, group, SOURCES, read, EVENTS, apply)
        for job, group in zip(jobs, replicas or (GROUP,), strict=False)
    ]
    async with at_work(relay(jobs[-1], of_members, "members"), *followers, jobs=jobs):
        yield jobs
