"""What a file is, whatever its format: rows of cells, or a reason why it cannot be read."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, ClassVar, Literal, NamedTuple

from services.chassis.errors import Fault, Text

Cell = str | int | float | bool | date | datetime | time | timedelta | None
MAX_ROWS = 1_000_000
MAX_COLUMNS = 200
LONGEST_CELL = 10_000
LONGEST_ROW = 65_536
"""Characters of a row: many times what any of ours holds, and a thousand of them still fit into memory."""
CSV_TYPE = "text/csv"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Unreadable(Exception):
    """A file that cannot be imported, and what its owner can do about it."""

    def __init__(self, code: str, vi: str, en: str) -> None:
        self.fault = Fault("", code, Text(vi, en))
        super().__init__(en)


class Row(NamedTuple):
    """A row that holds something; `number` as a spreadsheet shows it, from 1."""

    number: int
    cells: Sequence[Cell]


class Sheet(ABC):
    """An opened file, to be closed. `rows` may be asked for any number of times and holds one row in memory."""

    format: ClassVar[Literal["csv", "xlsx"]]
    encoding: str
    filled: int
    """Rows that hold something."""

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """The rows that hold something, in order."""

    @abstractmethod
    def check_below(self, heading: int) -> None:
        """Refuse what makes the rows from the heading on untrustworthy."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""


def path_of(file: IO[bytes]) -> Path:
    """Opens a file that has no name any more, from its beginning (Linux)."""
    return Path(f"/proc/self/fd/{file.fileno()}")


def filled_rows(rows: Iterable[tuple[int, Sequence[Cell]]]) -> Iterator[Row]:
    """Those of numbered rows that hold something. Raises Unreadable past MAX_ROWS."""
    filled = 0
    for number, cells in rows:
        if any(cell is not None and cell != "" for cell in cells):
            filled += 1
            if filled > MAX_ROWS + 1:
                raise too_many_rows()
            yield Row(number, cells)


def long_row(number: int) -> Unreadable:
    """A row of more text than one may have."""
    return Unreadable(
        "long_row",
        f"Dòng {number} dài hơn {LONGEST_ROW:,} ký tự".replace(",", "."),
        f"Row {number} is longer than {LONGEST_ROW:,} characters",
    )


def too_many_rows() -> Unreadable:
    """More rows than one file may have."""
    return Unreadable(
        "too_many_rows",
        f"Tệp có hơn {MAX_ROWS:,} dòng; hãy chia thành nhiều tệp".replace(",", "."),
        f"The file has more than {MAX_ROWS:,} rows; split it into several files",
    )


_VIETNAMESE = re.compile("[ĂăĐđĨĩŨũƠơƯư\u1ea0-\u1ef9]")
_TCVN3 = re.compile("(?<=[A-Za-z])[¨©ª«¬\xad®µ-¹»-¾]|[¨©ª«¬\xad®µ-¹»-¾](?=[A-Za-z])")
_VNI = re.compile("(?<=[A-Za-zÀ-ÿ])[øûïöñäåëüØÛÏÖÑÄÅËÜ]|[øûïöñäåëüØÛÏÖÑÄÅËÜ](?=[A-Za-zÀ-ÿ])")
ENOUGH = 3


def check_font(text: str) -> None:
    """Refuse text typed for a font of before Unicode: TCVN3 (.VnTime …) or VNI (VNI-Times …).

    Both put Vietnamese letters on codes where Unicode has signs (TCVN3) or letters that Vietnamese does not use (VNI).
    Text that holds letters only Unicode has is neither.
    """
    if _VIETNAMESE.search(text):
        return
    for name, fonts, marks in (("TCVN3", ".VnTime, .VnArial", _TCVN3), ("VNI", "VNI-Times", _VNI)):
        if len(marks.findall(text)) >= ENOUGH:
            raise Unreadable(
                f"{name.lower()}_font",
                f"Tệp dùng bảng mã {name} (phông {fonts} …). Hãy chuyển sang Unicode rồi gửi lại, ví dụ bằng UniKey: "
                f"Công cụ (Ctrl+Shift+F6), nguồn {name}, đích Unicode",
                f"The file is typed in {name} (fonts {fonts} …). Convert it to Unicode and send it again, for "
                f"instance with UniKey: Toolkit (Ctrl+Shift+F6), source {name}, destination Unicode",
            )
