"""What savings add up to. Pure: a function of the set of moves, whenever they were recorded."""

from collections.abc import Iterable
from datetime import date
from itertools import accumulate
from typing import NamedTuple


class Move(NamedTuple):
    """What a household put in on a day, or (negative) took out, VND."""

    on: date
    amount: int


def available(moves: Iterable[Move], on: date) -> int:
    """The most that can be taken out on a day, so that on no day, then or later, less than nothing is left."""
    days: dict[date, int] = {on: 0}
    for move in moves:
        day = max(move.on, on)
        days[day] = days.get(day, 0) + move.amount
    return min(accumulate(amount for _, amount in sorted(days.items())))
