"""Files door: an imported file → rows → enrolled members, a chunk a transaction."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from tempfile import TemporaryFile
from typing import IO

from services.chassis import jobs, worker
from services.chassis.settings import Settings
from services.chassis.sheets import reading
from services.chassis.sheets.headings import Plan
from services.chassis.sheets.sheet import Row, Sheet, Unreadable, path_of
from services.members.imports import commands, deciding, mapping, queries
from services.members.imports.deciding import Task
from services.members.imports.schemas import spoken
from services.members.imports.writing import ErrorFile

NICE = 10
"""How far the process stands back from others on its cores."""
CHUNK, FEW = 1_000, 200
"""Rows of a chunk; and at first, and while the API is in use, so that a request waits for little."""
PAUSE, GLANCE = 4.0, 0.05
"""While the API is in use: of the time a chunk took, so that its cores are the API's four fifths of the time; and how
often, in seconds, to see whether it still is."""


async def run(settings: Settings) -> None:
    """Import what the API has received until SIGTERM, giving way to other processes on the same cores."""
    os.nice(NICE)
    await worker.run(settings, lambda process: importing(process, settings))


async def importing(process: worker.Worker, settings: Settings) -> None:
    """Import what the API has received until told to stop."""
    keys = settings.personal_key.get_secret_value() if settings.personal_key else None
    await jobs.work(
        process,
        settings,
        "members-importer",
        due=queries.waiting,
        do=lambda job: go_on(job, keys),
        chore=lambda conn: commands.forget(conn, settings.import_days),
    )


async def go_on(job: jobs.Job, keys: str | None) -> None:
    """Take an import from where it stands to its end; `keys` are the vault's.

    Its files have no name, so that nothing of them is left however the process ends.
    """
    async with job.step() as conn:
        task = await commands.begin(conn, job.id)
    if task is None:
        return
    with TemporaryFile() as file:
        await _fetch(job, file)
        try:
            with closing(await asyncio.to_thread(reading.open_sheet, path_of(file))) as sheet:
                plan = await asyncio.to_thread(mapping.plan, sheet, task.own, task.default_branch)
                async with job.step() as conn:
                    await commands.plan(conn, task, sheet, plan)
                with closing(ErrorFile(sheet, plan, task.language)) as errors:
                    await _take_rows(job, keys, task, sheet, plan, errors)
                    if not job.stopping:
                        await _finish(job, errors)
        except Unreadable as error:
            async with job.step() as conn:
                await commands.end(conn, job.id, "refused", error.fault)


async def _fetch(job: jobs.Job, file: IO[bytes]) -> None:
    number, part = 0, b"-"
    while part:
        async with job.step() as conn:
            part = await queries.part(conn, job.id, "source", number) or b""
        file.write(part)
        number += 1
    file.flush()


async def _take_rows(job: jobs.Job, keys: str | None, task: Task, sheet: Sheet, plan: Plan, errors: ErrorFile) -> None:
    """Rows below the headings, a chunk at a time, until the end or SIGTERM. What was decided before is only noted."""
    rows = (row for row in sheet.rows() if row.number > plan.heading)
    size = FEW
    ahead = _ahead(rows, size)
    try:
        while not job.stopping and (chunk := await ahead):
            ahead = _ahead(rows, size)
            refused = await _refused_before(job, task, chunk)
            if fresh := [row for row in chunk if row.number > task.row_at]:
                began = time.monotonic()
                refused |= await _decide(job, keys, task, plan, fresh)
                size = FEW if await _give_way(job, PAUSE * (time.monotonic() - began)) else CHUNK
            errors.add(chunk, refused)
    finally:
        await asyncio.gather(ahead, return_exceptions=True)  # nobody may read a file that is closed


async def _refused_before(job: jobs.Job, task: Task, chunk: Sequence[Row]) -> dict[int, str]:
    """What is wrong with rows of the chunk that were decided before."""
    if chunk[0].number > task.row_at:
        return {}
    async with job.step() as conn:
        return await queries.refused(conn, job.id, chunk[0].number, min(chunk[-1].number, task.row_at))


async def _give_way(job: jobs.Job, seconds: float) -> bool:
    """Wait while the API is in use, so long at most; whether it was."""
    until = time.monotonic() + seconds
    used = False
    while time.monotonic() < until and not job.stopping:
        async with job.step() as conn:
            if not await queries.api_in_use(conn):
                return used
        used = True
        await job.pause(GLANCE)
    return used


def _ahead(rows: Iterator[Row], size: int) -> asyncio.Task[list[Row]]:
    """The next chunk, read while the one before is decided."""
    return asyncio.create_task(asyncio.to_thread(lambda: list(islice(rows, size))))


async def _decide(job: jobs.Job, keys: str | None, task: Task, plan: Plan, chunk: list[Row]) -> dict[int, str]:
    """Decide a chunk's rows and store what became of them; what is wrong with the refused ones."""
    if task.mode == "validate":
        async with job.step(keep=False) as conn:
            decisions = await deciding.decide(conn, task, plan, chunk, keys)
        async with job.step() as conn:
            await commands.keep(conn, task, decisions)
    else:
        async with job.step(task.actor, task.traceparent) as conn:
            decisions = await deciding.decide(conn, task, plan, chunk, keys)
            await commands.keep(conn, task, decisions)
    return {each.row: spoken(each.errors) for each in decisions if each.errors}


async def _finish(job: jobs.Job, errors: ErrorFile) -> None:
    """Store the error file if a row was refused, and end the import."""
    async with job.step() as conn:
        if file := await asyncio.to_thread(errors.written):
            await commands.keep_file(conn, job.id, "errors", file)
        await commands.end(conn, job.id, "done")
