"""Which column is what: the row of headings is found, each heading compared by what people mean by it."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from services.chassis.paging import fold
from services.chassis.sheets.sheet import MAX_COLUMNS, Row, Sheet, Unreadable, check_font

SEARCHED, FEWEST = 20, 2
Names = Mapping[Any, Sequence[str]]
"""Of each field what it is called; the first name is the one told to people."""


class Column(NamedTuple):
    """A column: its letters, its heading, and the field it is taken for; None is not read."""

    column: str
    heading: str
    field: str | None


class Plan(NamedTuple):
    """How a sheet is read: the number of the row of headings, and what each column is."""

    heading: int
    columns: Sequence[Column]
    filled_above: int
    """Rows that hold something, down to the headings."""
    below: Sequence[Row]
    """The first rows below."""

    def heading_of(self, *fields: str) -> str | None:
        """The heading of the first of these fields that has a column."""
        found: dict[str | None, str] = {column.field: column.heading for column in self.columns}
        return next((found[field] for field in fields if field in found), None)


def key(heading: str) -> str:
    """A heading as it is compared: without marks, case, signs and what stands in parentheses."""
    return " ".join(re.findall(r"[0-9a-z]+", fold(re.sub(r"\(.*?\)", " ", heading))))


def letters(number: int) -> str:
    """A, B … Z, AA … for 0, 1 …"""
    first, last = divmod(number, 26)
    return (letters(first - 1) if first else "") + chr(ord("A") + last)


def plan(sheet: Sheet, names: Names, own: Mapping[str, str | None], needed: Sequence[str]) -> Plan:
    """Among the first 20 rows that with most known headings, by the caller's `own` (by key) before `names`.

    Raises Unreadable: no such row, a needed field without a column, two columns of one field, an old font.
    """
    known: dict[str, str | None] = {key(name): field for field, called in names.items() for name in called}
    known |= own
    top = list(islice(sheet.rows(), SEARCHED))
    if not top:
        raise Unreadable("empty", "Tệp không có dòng nào", "The file has no rows")
    found = [sum(known.get(key(text)) is not None for text in texts(row)) for row in top]
    at = found.index(max(found))
    if found[at] < FEWEST:
        check_font(" ".join(text for row in top for text in texts(row)))
        told = ", ".join(names[field][0] for field in needed)
        raise Unreadable(
            "no_headings",
            f"Không thấy dòng tiêu đề ({told} …) trong {SEARCHED} dòng đầu",
            f"There is no row of headings ({told} …) among the first {SEARCHED} rows",
        )
    sheet.check_below(top[at].number)
    columns = [
        Column(letters(n), " ".join(text.split()), known.get(key(text))) for n, text in enumerate(texts(top[at]))
    ]
    _check(columns, names, needed)
    return Plan(top[at].number, columns, at + 1, top[at + 1 :])


def texts(row: Row) -> list[str]:
    """The cells of a row as text, without the empty ones at its end."""
    cells = ["" if cell is None else str(cell) for cell in row.cells[: MAX_COLUMNS + 1]]
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _check(columns: Sequence[Column], names: Names, needed: Sequence[str]) -> None:
    """Raises Unreadable: too many columns, two of one field, a needed field without one."""
    if len(columns) > MAX_COLUMNS:
        raise Unreadable("too_many_columns", f"Có hơn {MAX_COLUMNS} cột", f"There are more than {MAX_COLUMNS} columns")
    by_field: dict[str, list[str]] = {}
    for column in columns:
        if column.field:
            by_field.setdefault(column.field, []).append(f"{column.column} «{column.heading}»")
    if twice := [", ".join(found) for found in by_field.values() if len(found) > 1]:
        raise Unreadable(
            "duplicate_headings",
            f"Nhiều cột cùng nghĩa ({'; '.join(twice)}): xóa bớt, hoặc cho biết cột nào bỏ qua bằng mapping",
            f"Several columns mean the same ({'; '.join(twice)}): remove one, or say by mapping which to ignore",
        )
    if missing := [names[field][0] for field in needed if field not in by_field]:
        raise Unreadable(
            "missing_columns",
            f"Thiếu cột: {', '.join(missing)}. Nếu cột có tên khác, cho biết bằng mapping",
            f"Columns are missing: {', '.join(missing)}. If they have other names, say so by mapping",
        )
