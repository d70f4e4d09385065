"""An export as a page to print: every field under its Vietnamese name."""

import csv
from functools import cache
from html import escape
from pathlib import Path

STYLE = "body{font:11pt serif}table{border-collapse:collapse}td,th{border:1px solid;padding:2pt 4pt;text-align:left}"


@cache
def labels() -> dict[str, str]:
    """Vietnamese names of fields."""
    with (Path(__file__).parent / "labels.csv").open(encoding="utf-8", newline="") as file:
        return {row["field"]: row["vi"] for row in csv.DictReader(file)}


def page(export: dict[str, object]) -> str:
    """A whole HTML document of an export as JSON would say it."""
    title = "Dữ liệu cá nhân đang lưu giữ"
    return (
        f'<!doctype html><html lang="vi"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title}</h1>{_table(export)}</html>"
    )


def _table(value: object) -> str:
    if isinstance(value, dict):
        rows = (f"<tr><th>{escape(labels().get(name) or name)}<td>{_table(each)}" for name, each in value.items())
        return f"<table>{''.join(rows)}</table>"
    if isinstance(value, list):
        return "".join(map(_table, value)) or "–"
    if isinstance(value, bool):
        return "có" if value else "không"
    return "–" if value is None else escape(str(value))
