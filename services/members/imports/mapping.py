"""Which column is what: headings as officers write them, and as a caller said before."""

from collections.abc import Mapping
from typing import get_args
from uuid import UUID

from services.chassis.sheets import headings
from services.chassis.sheets.headings import Plan
from services.chassis.sheets.sheet import Sheet, check_font
from services.members.imports.schemas import FieldName

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


def plan(sheet: Sheet, own: Mapping[str, FieldName | None], branch: UUID | None) -> Plan:
    """How a file is read, by the caller's `own` headings (by key) before HEADINGS. Raises Unreadable.

    `branch`: of rows that name none.
    """
    found = headings.plan(sheet, HEADINGS, own, NEEDED if branch else (*NEEDED, "branch"))
    names = {n for n, column in enumerate(found.columns) if column.field == "name"}
    check_font(" ".join(text for row in found.below for n, text in enumerate(headings.texts(row)) if n in names))
    return found


assert set(HEADINGS) == set(get_args(FieldName))
