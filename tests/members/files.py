"""Files of members as officers make them."""

import csv
from collections.abc import Sequence
from io import BytesIO, StringIO
from typing import Any

from openpyxl import Workbook

HEADINGS = ("STT", "Họ và tên", "Ngày sinh", "Dân tộc", "Chi hội", "Ngày vào Hội", "Nòng cốt", "Loại hội viên")
Rows = Sequence[Sequence[Any]]


def person(number: int, **other: Any) -> list[Any]:
    """A row under HEADINGS; `other` by heading's place, as `c2="1/2/1980"`."""
    row = [number, f"Hội viên Mẫu {number}", "08/03/1980", "Kinh", "Khu 1", "20/10/2021", "x", "Hội viên"]
    for place, value in other.items():
        row[int(place[1:])] = value
    return row


def people(*numbers: int) -> list[list[Any]]:
    """HEADINGS and a good row for each number."""
    return [list(HEADINGS), *map(person, numbers)]


def as_csv(rows: Rows, delimiter: str = ",", encoding: str = "utf-8-sig") -> bytes:
    """Rows as a CSV file."""
    text = StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode(encoding)


def as_xlsx(rows: Rows, *merged: str) -> bytes:
    """Rows as the first sheet of a workbook."""
    book, file = Workbook(), BytesIO()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    for area in merged:
        sheet.merge_cells(area)
    book.save(file)
    return file.getvalue()
