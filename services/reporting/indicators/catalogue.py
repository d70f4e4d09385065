"""The indicators, as data: `indicators.csv` beside this file."""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["stock", "flow", "ratio"]


class Indicator(NamedTuple):
    """One indicator. A stock is as of the period's end, a flow a sum over it, a ratio numerator over denominator."""

    code: str
    kind: str
    unit: str
    name_vi: str
    name_en: str
    source: str
    numerator: str
    denominator: str
    breakdowns: tuple[str, ...]

    def name(self, language: str) -> str:
        """The label in `vi` or `en`."""
        return self.name_en if language == "en" else self.name_vi

    @property
    def parts(self) -> tuple[str, ...]:
        """The indicators whose sums make this one: itself, or a ratio's two."""
        return (self.numerator, self.denominator) if self.kind == "ratio" else (self.code,)

    def of(self, sums: Mapping[str, int]) -> float | int | None:
        """The value from the sums of `parts`; a ratio of nothing is None, percent is 0-100."""
        if self.kind != "ratio":
            return sums.get(self.code, 0)
        below = sums.get(self.denominator, 0)
        if below == 0:
            return None
        ratio = sums.get(self.numerator, 0) / below
        return round(ratio * 100, 4) if self.unit == "percent" else round(ratio)


@cache
def catalogue() -> dict[str, Indicator]:
    """Every indicator by code."""
    with (Path(__file__).parent / "indicators.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            Indicator(**{**row, "breakdowns": tuple(filter(None, row["breakdowns"].split("|")))})  # type: ignore[arg-type]
            for row in csv.DictReader(file)
        ]
    return {row.code: row for row in rows}
