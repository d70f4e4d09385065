"""Screens already made. What the log gains is added to them, so that none is made twice or shown too old."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from contracts import units
from services.reporting.contributions.periods import Period
from services.reporting.dashboards.board import Board
from services.reporting.freshness.queries import Sample
from services.reporting.maps.commands import REDRAWN
from services.reporting.stream.listener import Applied
from services.reporting.stream.queries import News, Part
from services.reporting.stream.turns import Turns

MOST, MOST_ADDRESSES, MOST_WAITING = 2_000, 20_000, 5_000
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Asked(NamedTuple):
    """A screen: its unit and period, whether on today's map, and of which branch alone."""

    unit: str
    period: Period
    now: bool
    branch: UUID | None = None


class Lately(Generic[Key, Value]):
    """The values used last, at most so many."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """The value under a key, now the latest used; None if there is none."""
        value = self.held.get(key)
        if value is not None:
            self.held.move_to_end(key)
        return value

    def keep(self, key: Key, value: Value) -> None:
        """Keep a value in place of the one used longest ago."""
        self.held[key] = value
        self.held.move_to_end(key)
        if len(self.held) > self.most:
            self.held.popitem(last=False)


class Shown(NamedTuple):
    """A screen in one language: without its freshness, with it, the entity tag of the former, and what it had seen."""

    body: bytes
    whole: bytes
    etag: str
    seen: Sample


Make = Callable[[], Awaitable[Board]]


class Screen:
    """A board, the parts that came since it was made or is being made, and how it looks by language."""

    def __init__(self) -> None:
        self.board: Board | None = None
        self.waiting: list[Part] = []
        self.shown: dict[str, Shown] = {}

    def show(self, latest: Sample | None, language: str) -> Shown:
        """The screen with all that has come; `latest` is what the last news had seen."""
        assert self.board is not None, "the screen has been made"
        if self.waiting:
            for part in self.waiting:
                self.board.add(part)
            self.waiting.clear()
            self.shown.clear()
        seen = latest if latest and latest.at > self.board.seen.at else self.board.seen
        shown = self.shown.get(language)
        if shown is None or shown.seen is not seen:
            shown = self.shown[language] = _render(self.board, seen, language, shown)
        return shown


def _render(board: Board, seen: Sample, language: str, before: Shown | None) -> Shown:
    if before and before.seen.programmes == seen.programmes:
        body, etag = before.body, before.etag
    else:
        answer = board.shown(seen, language)
        body = answer.model_dump_json(by_alias=True, exclude={"freshness"}).encode()
        etag = f'W/"{hashlib.blake2s(body, digest_size=12).hexdigest()}"'
    whole = body[:-1] + b',"freshness":' + seen.of(board.unit).model_dump_json().encode() + b"}"
    return Shown(body, whole, etag, seen)


class Cache:
    """One a process. A screen is made once by whoever asks first; others wait for that one."""

    def __init__(self, applied: Applied) -> None:
        self.applied = applied
        self.screens: Lately[Asked, Screen] = Lately(MOST)
        self.addresses: Lately[Hashable, Asked] = Lately(MOST_ADDRESSES)
        self.coming: dict[Asked, Screen] = {}
        self.turns: dict[Asked, Turns[Screen]] = {}
        applied.takers.append(self.take)

    async def get(self, asked: Asked, language: str, make: Make, *, fresh: bool = False) -> Shown:
        """The screen asked for.

        `fresh`: with all that was committed before this call, of which no news may have come yet. The same while no
        news comes by itself.
        """
        late = fresh or not self.applied.connected
        screen = self.screens.get(asked)
        if screen is not None and late:
            await self.applied.catch_up()
            screen = self.screens.get(asked)
        if screen is None:
            turns = self.turns.setdefault(asked, Turns(lambda: self._make(asked, make)))
            screen = await (turns.next() if late else turns.join())
        current = self.screens.get(asked) is screen
        return screen.show(self.applied.sample if current else None, language)

    async def _make(self, asked: Asked, make: Make) -> Screen:
        """Registered before it is read: what is committed meanwhile comes as news."""
        screen = self.coming[asked] = Screen()
        try:
            screen.board = await make()
            if self.coming.get(asked) is screen:
                self.screens.keep(asked, screen)
        finally:
            if self.coming.get(asked) is screen:
                del self.coming[asked]
            if self.turns[asked].following is None:
                del self.turns[asked]
        return screen

    def take(self, news: News) -> None:
        """Hand each screen what came for its unit; forget them all, those being made too, if that is not known.

        Where today's map has been drawn anew, its screens of the province are forgotten too.
        """
        if news.parts is None:
            self.screens.held.clear()
            self.coming.clear()
            return
        came: dict[tuple[str, bool], list[Part]] = {}
        for part in news.parts:
            there = part if part.unit_now == part.unit else part._replace(unit=part.unit_now)
            for counted, now in ((part, False), (there, True)):
                for code in (counted.unit, units.province_of(counted.unit)):
                    came.setdefault((code, now), []).append(counted)
        redrawn = {units.province_of(part.unit) for part in news.parts if part.measure == REDRAWN}
        for screens in (self.screens.held, self.coming):
            for key in list(screens):
                screen, parts = screens[key], came.get((key.unit, key.now), [])
                screen.waiting += [part for part in parts if key.branch in (None, part.branch)]
                if len(screen.waiting) > MOST_WAITING or (key.now and units.province_of(key.unit) in redrawn):
                    del screens[key]
