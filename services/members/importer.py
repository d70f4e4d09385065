"""Files door: an imported file → rows → enrolled members, a chunk a transaction."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from services.chassis import jobs, worker
from services.chassis.settings import Settings
from services.chassis.sheets import reading
from services.chassis.sheets.sheet import Row, Sheet, Unreadable
from services.members.imports import commands, deciding, mapping, queries
from services.members.imports.deciding import Task
from services.members.imports.mapping import Plan
from services.members.imports.schemas import spoken
from services.members.imports.writing import ErrorFile

NICE = 10
"""How far the process stands back from others on its cores."""
PAUSE = 0.3
"""Of the time a chunk took, while the API is in use."""


async def run(settings: Settings) -> None:
    """Import what the API has received until SIGTERM, giving way to other processes on the same cores."""
    os.nice(NICE)
    await worker.run(settings, lambda process: importing(process, settings))


async def importing(process: worker.Worker, settings: Settings) -> None:
    """Import what the API has received until told to stop."""
    await jobs.work(
        process,
        settings,
        "members-importer",
        due=queries.waiting,
        do=go_on,
        chore=lambda conn: commands.forget(conn, settings.import_days),
    )


async def go_on(job: jobs.Job) -> None:
    """Take an import from where it stands to its end."""
    async with job.step() as conn:
        task = await commands.begin(conn, job.id)
    if task is None:
        return
    with TemporaryDirectory() as folder:
        path = await _fetch(job, Path(folder))
        try:
            with closing(await asyncio.to_thread(reading.open_sheet, path)) as sheet:
                plan = await asyncio.to_thread(mapping.plan, sheet, task.own, task.default_branch)
                async with job.step() as conn:
                    await commands.plan(conn, task, sheet, plan)
                with closing(ErrorFile(sheet, plan, Path(folder) / "errors", task.language)) as errors:
                    await _take_rows(job, task, sheet, plan, errors)
                    if not job.stopping:
                        await _finish(job, errors)
        except Unreadable as error:
            async with job.step() as conn:
                await commands.end(conn, job.id, "refused", error.fault)


async def _fetch(job: jobs.Job, folder: Path) -> Path:
    path = folder / "source"
    with path.open("wb") as file:
        number, part = 0, b"-"
        while part:
            async with job.step() as conn:
                part = await queries.part(conn, job.id, "source", number) or b""
            file.write(part)
            number += 1
    return path


async def _take_rows(job: jobs.Job, task: Task, sheet: Sheet, plan: Plan, errors: ErrorFile) -> None:
    """Rows below the headings, a chunk at a time, until the end or SIGTERM. What was decided before is only noted."""
    rows = (row for row in sheet.rows() if row.number > plan.heading)
    while not job.stopping and (chunk := await asyncio.to_thread(_next, rows)):
        if chunk[-1].number <= task.row_at:
            async with job.step() as conn:
                refused = await queries.refused(conn, job.id, chunk[0].number, chunk[-1].number)
        else:
            began = time.monotonic()
            refused = await _decide(job, task, plan, chunk)
            async with job.step() as conn:
                busy = await queries.api_in_use(conn)
            if busy:
                await job.pause(PAUSE * (time.monotonic() - began))
        errors.add(chunk, refused)


def _next(rows: Iterator[Row]) -> list[Row]:
    return list(islice(rows, commands.CHUNK))


async def _decide(job: jobs.Job, task: Task, plan: Plan, chunk: list[Row]) -> dict[int, str]:
    """Decide a chunk's rows and store what became of them; what is wrong with the refused ones."""
    if task.mode == "validate":
        async with job.step(keep=False) as conn:
            decisions = await deciding.decide(conn, task, plan, chunk)
        async with job.step() as conn:
            await commands.keep(conn, task, decisions)
    else:
        async with job.step(task.actor, task.traceparent) as conn:
            decisions = await deciding.decide(conn, task, plan, chunk)
            await commands.keep(conn, task, decisions)
    return {each.row: spoken(each.errors) for each in decisions if each.errors}


async def _finish(job: jobs.Job, errors: ErrorFile) -> None:
    """Store the error file if a row was refused, and end the import."""
    async with job.step() as conn:
        if file := await asyncio.to_thread(errors.written):
            with file:
                await commands.keep_file(conn, job.id, "errors", file)
        await commands.end(conn, job.id, "done")
