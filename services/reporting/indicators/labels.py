"""What categories are called, in both languages: `labels.csv` beside this file, ethnic groups from the contracts."""

import csv
from functools import cache
from pathlib import Path

from contracts import ethnicities

NOT_SAID = ("Chưa rõ", "Not recorded")


@cache
def _labels() -> dict[tuple[str, str], tuple[str, str]]:
    with (Path(__file__).parent / "labels.csv").open(encoding="utf-8", newline="") as file:
        return {(r["dimension"], r["code"]): (r["name_vi"], r["name_en"]) for r in csv.DictReader(file)}


def dimension_name(dimension: str, language: str) -> str:
    """What a dimension is called."""
    return _labels()["", dimension][language == "en"]


def category_name(dimension: str, category: str, language: str) -> str:
    """What a category is called; its code where it has no name of its own."""
    if not category:
        return NOT_SAID[language == "en"]
    if dimension == "ethnicity":
        group = ethnicities.find(category)
        return group.name if group else category
    return _labels().get((dimension, category), (category, category))[language == "en"]


def category_order(dimension: str, category: str) -> tuple[int, str]:
    """Sort key: as listed in `labels.csv`, then by code."""
    listed = [code for named, code in _labels() if named == dimension]
    return (listed.index(category) if category in listed else len(listed), category)
