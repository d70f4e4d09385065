"""Which column is what: headings as officers write them, and as a caller said before."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple, get_args
from uuid import UUID

from services.chassis.paging import fold
from services.chassis.sheets.sheet import MAX_COLUMNS, Row, Sheet, Unreadable, check_font
from services.members.imports.schemas import ColumnOut, FieldName

HEADINGS: dict[FieldName, tuple[str, ...]] = {
    "name": ("Họ và tên", "Họ tên", "Họ và tên hội viên", "Họ tên hội viên", "Tên hội viên", "Name", "Full name"),
    "birth_date": ("Ngày sinh", "Ngày tháng năm sinh", "Sinh ngày", "Birth date", "Date of birth"),
    "birth_year": ("Năm sinh", "Birth year", "Year of birth"),
    "citizen_number": (
        *("Số định danh cá nhân", "Số định danh", "Mã định danh", "Số CCCD", "CCCD", "Căn cước công dân"),
        *("Số căn cước công dân", "Số căn cước", "Căn cước", "Citizen number"),
    ),
    "phone": ("Điện thoại", "Số điện thoại", "SĐT", "Số ĐT", "Di động", "Phone"),
    "card_number": ("Số thẻ hội viên", "Số thẻ", "Mã thẻ", "Thẻ hội viên", "Card number"),
    "ethnicity": ("Dân tộc", "Mã dân tộc", "Ethnicity"),
    "unit": ("Xã/phường", "Xã, phường, đặc khu", "Xã", "Phường", "Mã xã", "Mã xã/phường", "Đơn vị", "Unit", "Commune"),
    "branch": ("Chi hội", "Tên chi hội", "Chi hội phụ nữ", "Branch"),
    "group": ("Tổ phụ nữ", "Tổ", "Tổ hội", "Tên tổ", "Nhóm", "Group"),
    "household": ("Hộ", "Số hộ", "Mã hộ", "Hộ gia đình", "Household"),
    "joined_on": ("Ngày vào Hội", "Ngày kết nạp", "Ngày tham gia Hội", "Năm vào Hội", "Joined on", "Joined"),
    "kind": ("Loại hội viên", "Loại", "Kind"),
    "core": ("Nòng cốt", "Hội viên nòng cốt", "Core"),
}
"""What each field is called; the first name is the template's."""
ERROR = {"vi": "Lỗi", "en": "Error"}
SEARCHED, FEWEST = 20, 2
NEEDED: tuple[FieldName, ...] = ("name", "joined_on")


def key(heading: str) -> str:
    """A heading as it is compared: without marks, case, signs and what stands in parentheses."""
    return " ".join(re.findall(r"[0-9a-z]+", fold(re.sub(r"\(.*?\)", " ", heading))))


KNOWN: dict[str, FieldName | None] = {key(name): field for field, names in HEADINGS.items() for name in names}


class Plan(NamedTuple):
    """How a file is read: the row of its headings, and the field of each column."""

    heading: int
    filled_above: int
    columns: Sequence[ColumnOut]

    def heading_of(self, *fields: str) -> str | None:
        """The heading of the first of these fields that has a column."""
        found: dict[str | None, str] = {column.field: column.heading for column in self.columns}
        return next((found[field] for field in fields if field in found), None)


def plan(sheet: Sheet, own: Mapping[str, FieldName | None], branch: UUID | None) -> Plan:
    """Find the headings and map them, first by the caller's `own` (by key), then by KNOWN. Raises Unreadable.

    `branch`: of rows that name none.
    """
    known = {**KNOWN, **own}
    top = list(islice(sheet.rows(), SEARCHED))
    if not top:
        raise Unreadable("empty", "Tệp không có dòng nào", "The file has no rows")
    found = [sum(known.get(key(text)) is not None for text in _texts(row)) for row in top]
    at = found.index(max(found))
    if found[at] < FEWEST:
        check_font(" ".join(text for row in top for text in _texts(row)))
        raise Unreadable(
            "no_headings",
            f"Không thấy dòng tiêu đề (Họ và tên, Ngày sinh, Ngày vào Hội …) trong {SEARCHED} dòng đầu",
            f"There is no row of headings (Name, Birth date, Joined on …) among the first {SEARCHED} rows",
        )
    sheet.check_below(top[at].number)
    columns = [
        ColumnOut(column=letters(n), heading=" ".join(text.split()), field=known.get(key(text)))
        for n, text in enumerate(_texts(top[at]))
    ]
    _check(columns, branch)
    check_font(" ".join(_texts(row)[n] for row in top[at + 1 :] for n in _names(columns) if n < len(_texts(row))))
    return Plan(top[at].number, at + 1, columns)


def letters(number: int) -> str:
    """A, B … Z, AA … for 0, 1 …"""
    first, last = divmod(number, 26)
    return (letters(first - 1) if first else "") + chr(ord("A") + last)


def _names(columns: Sequence[ColumnOut]) -> list[int]:
    return [n for n, column in enumerate(columns) if column.field == "name"]


def _texts(row: Row) -> list[str]:
    cells = ["" if cell is None else str(cell) for cell in row.cells[: MAX_COLUMNS + 1]]
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _check(columns: Sequence[ColumnOut], branch: UUID | None) -> None:
    if len(columns) > MAX_COLUMNS:
        raise Unreadable("too_many_columns", f"Có hơn {MAX_COLUMNS} cột", f"There are more than {MAX_COLUMNS} columns")
    by_field: dict[str, list[str]] = {}
    for column in columns:
        if column.field:
            by_field.setdefault(column.field, []).append(f"{column.column} «{column.heading}»")
    if twice := [", ".join(names) for names in by_field.values() if len(names) > 1]:
        raise Unreadable(
            "duplicate_headings",
            f"Nhiều cột cùng nghĩa ({'; '.join(twice)}): xóa bớt, hoặc cho biết cột nào bỏ qua bằng mapping",
            f"Several columns mean the same ({'; '.join(twice)}): remove one, or say by mapping which to ignore",
        )
    needed = NEEDED if branch else (*NEEDED, "branch")
    if missing := [HEADINGS[field][0] for field in needed if field not in by_field]:
        raise Unreadable(
            "missing_columns",
            f"Thiếu cột: {', '.join(missing)}. Nếu cột có tên khác, cho biết bằng mapping",
            f"Columns are missing: {', '.join(missing)}. If they have other names, say so by mapping",
        )


assert set(HEADINGS) == set(get_args(FieldName))
