"""Which column is what: headings as officers write them, and as a caller said before."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple, get_args
from uuid import UUID

from services.chassis.sheets.headings import FEWEST, SEARCHED, check, key, letters, texts
from services.chassis.sheets.sheet import Sheet, Unreadable, check_font
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
NEEDED: tuple[FieldName, ...] = ("name", "joined_on")


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
    found = [sum(known.get(key(text)) is not None for text in texts(row)) for row in top]
    at = found.index(max(found))
    if found[at] < FEWEST:
        check_font(" ".join(text for row in top for text in texts(row)))
        raise Unreadable(
            "no_headings",
            f"Không thấy dòng tiêu đề (Họ và tên, Ngày sinh, Ngày vào Hội …) trong {SEARCHED} dòng đầu",
            f"There is no row of headings (Name, Birth date, Joined on …) among the first {SEARCHED} rows",
        )
    sheet.check_below(top[at].number)
    columns = [
        ColumnOut(column=letters(n), heading=" ".join(text.split()), field=known.get(key(text)))
        for n, text in enumerate(texts(top[at]))
    ]
    check(columns, HEADINGS, NEEDED if branch else (*NEEDED, "branch"))
    check_font(" ".join(texts(row)[n] for row in top[at + 1 :] for n in _names(columns) if n < len(texts(row))))
    return Plan(top[at].number, at + 1, columns)


def _names(columns: Sequence[ColumnOut]) -> list[int]:
    return [n for n, column in enumerate(columns) if column.field == "name"]


assert set(HEADINGS) == set(get_args(FieldName))
