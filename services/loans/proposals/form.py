"""What form 03/TD says of a group's meeting, whatever file it goes into. Pure.

Name and number of the form, and who keeps it: the bank's published procedures. No public source that we have confirms
its columns and signatures, so they are the fewest that say what was agreed.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

NATION = ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc")
NUMBER = "Mẫu số 03/TD"
TITLE = "DANH SÁCH HỘ GIA ĐÌNH ĐỀ NGHỊ VAY VỐN"
TOTAL = "Tổng cộng"
SIGNATURES = ("Tổ trưởng Tổ TK&VV", "Hội Liên hiệp Phụ nữ cấp xã", "Ủy ban nhân dân cấp xã")
SIGNED = "(Ký, ghi rõ họ tên, đóng dấu nếu có)"


class Column(NamedTuple):
    """A column: what stands above it, and how wide it is in mm on a page 277 mm wide."""

    heading: str
    width: int


COLUMNS = (
    Column("STT", 11),
    Column("Người đại diện", 46),
    Column("Mã khách hàng", 31),
    Column("Chương trình", 40),
    Column("Mục đích", 47),
    Column("Số tiền đề nghị (đồng)", 28),
    Column("Số tiền Tổ đồng ý (đồng)", 28),
    Column("Thời hạn (tháng)", 15),
    Column("Phiếu tán thành", 15),
    Column("Phiếu không tán thành", 16),
)
WORDS = 5
"""So many columns before those that are numbers; the row of totals has one cell for them."""


class Proposal(NamedTuple):
    """A household that the group proposes. Money is whole VND; no `representative` if the caller may not see it."""

    representative: str | None
    customer_code: str
    programme: str
    purpose: str | None
    asked: int
    agreed: int
    term_months: int
    in_favour: int
    against: int

    @property
    def numbers(self) -> tuple[int, ...]:
        """What stands in the columns that are numbers."""
        return self.asked, self.agreed, self.term_months, self.in_favour, self.against


class Meeting(NamedTuple):
    """A group's meeting. `present`: the most that its minutes name; `turned_down`: without a majority."""

    group: str
    commune: str
    on: date
    present: int
    turned_down: int
    proposals: Sequence[Proposal]

    @property
    def about(self) -> list[str]:
        """The lines above the list."""
        return [
            f"Tổ tiết kiệm và vay vốn: {printable(self.group)}; {self.commune}",
            f"Họp ngày {self.on:%d/%m/%Y}; có mặt: {self.present}",
            f"Đề nghị cho vay: {len(self.proposals)} hộ; không được Tổ đồng ý: {self.turned_down} hộ",
        ]

    def rows(self) -> Iterator[tuple[str | int, ...]]:
        """A row per proposal, as the columns have it."""
        for place, each in enumerate(self.proposals, 1):
            words = (each.representative or "", each.customer_code, each.programme, each.purpose or "")
            yield (place, *(printable(word) for word in words), *each.numbers)

    @property
    def totals(self) -> tuple[int, int]:
        """VND asked for, and agreed."""
        return sum(each.asked for each in self.proposals), sum(each.agreed for each in self.proposals)


def printable(text: str) -> str:
    """The text on one line, marks composed (NFC), without what cannot be printed."""
    line = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(letter for letter in line if letter.isprintable())


def dotted(number: int) -> str:
    """A number as it is written in Vietnamese: 1.234.567."""
    return f"{number:,}".replace(",", ".")


def headings() -> Iterable[str]:
    """What stands above the columns."""
    return [column.heading for column in COLUMNS]
