"""XLSX files: the rows of the first sheet, streamed, and what makes them untrustworthy."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from xml.parsers.expat import ExpatError

from openpyxl.utils.cell import column_index_from_string
from openpyxl.utils.datetime import from_excel, from_ISO8601

from services.chassis.sheets.sheet import (
    LONGEST_ROW,
    MAX_COLUMNS,
    MAX_ROWS,
    Cell,
    Row,
    Sheet,
    Unreadable,
    filled_rows,
    long_row,
    too_many_rows,
)
from services.chassis.sheets.xlsx_book import Book, open_book
from services.chassis.sheets.xlsx_parts import Handler, parse

ROW_BYTES, LAST_ROW = 4 << 20, 1_048_576
LISTED, MOST_LISTED = 5, 10_000
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, ExpatError, KeyError, ValueError, IndexError),
    *(EOFError, NotImplementedError, OSError, RuntimeError, OverflowError),
)
"""What zipfile, expat and our reading raise for files that are not what they say."""
_TAG = rb"<(?:\w+:)?"
_MERGE = re.compile(_TAG + rb'mergeCell\b[^<>]*?\bref="([A-Z]+(\d+):[A-Z]+(\d+))"')
_FORMULA = re.compile(
    _TAG + rb"c\b([^<>]*)>\s*" + _TAG + rb"f\b(?:[^<>]*/>|[^<>]*>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:" + _TAG + rb"v\s*/>|" + _TAG + rb"v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_REFERENCE = re.compile(rb'\br="([A-Z]+(\d+))"')


class XlsxSheet(Sheet):
    """The first worksheet of a workbook."""

    format = "xlsx"
    encoding = "utf-8"

    def __init__(self, path: Path) -> None:
        self.merged: list[tuple[str, int]] = []
        self.uncomputed: list[tuple[str, int]] = []
        self.filled = 0
        with _understood():
            self.book = open_book(path)
            self._scan()

    def rows(self) -> Iterator[Row]:
        """The rows that hold something."""
        with _understood():
            yield from filled_rows(_numbered(self.book))

    def check_below(self, heading: int) -> None:
        """No merged cells and no formula without its result from the heading on."""
        if merged := _from(heading, self.merged):
            raise Unreadable(
                "merged_cells",
                f"Có ô gộp trong bảng ({merged}): hãy bỏ gộp ô, mỗi dòng một bản ghi, mỗi cột một tiêu đề",
                f"There are merged cells in the table ({merged}): unmerge them; one record a row, one heading a column",
            )
        if uncomputed := _from(heading, self.uncomputed):
            raise Unreadable(
                "formula",
                f"Có công thức chưa được tính ({uncomputed}): mở tệp bằng Excel và lưu lại, hoặc dán giá trị",
                f"There are formulas without results ({uncomputed}): open the file in Excel and save it, "
                "or paste values",
            )

    def close(self) -> None:
        """Each reading closes the file itself."""

    def _scan(self) -> None:
        """Count filled rows, find merged cells and formulas without results: whole rows at a time, below them tags."""
        rest, whole = b"", b"row>"
        with self.book.blocks() as blocks:
            for part in blocks:
                block, end, rest = (rest + part).rpartition(whole)
                self._look(block + end)
                if b"sheetData>" in rest:
                    whole = b">"
                if len(rest) > ROW_BYTES:
                    raise ValueError("a row without end")
        self._look(rest)

    def _look(self, block: bytes) -> None:
        self.filled += sum(b"v>" in row or b"is>" in row for row in block.split(b"row>"))
        if self.filled > MAX_ROWS + 1:
            raise too_many_rows()
        if b"mergeCell" in block:
            places = ((area[1].decode(), int(area[3])) for area in _MERGE.finditer(block))
            self.merged += islice(places, MOST_LISTED + 1 - len(self.merged))
        if b"<f" in block or b":f" in block:
            cells = (_REFERENCE.search(cell[1]) for cell in _FORMULA.finditer(block) if b't="str"' not in cell[1])
            places = ((place[1].decode(), int(place[2])) for place in cells if place)
            self.uncomputed += islice(places, MOST_LISTED + 1 - len(self.uncomputed))


@contextmanager
def _understood() -> Iterator[None]:
    """What a broken file makes the libraries raise, as Unreadable."""
    try:
        yield
    except BROKEN as error:
        raise Unreadable(
            "malformed",
            "Tệp XLSX bị hỏng: hãy mở bằng Excel, lưu lại dưới dạng .xlsx rồi gửi lại",
            f"The XLSX file is broken ({error}): open it in Excel, save it as .xlsx and send it again",
        ) from None


def _from(heading: int, found: Sequence[tuple[str, int]]) -> str:
    """The first of these places that lie in the row of headings or below; of too many to know all, the first ones."""
    return ", ".join([name for name, row in found if row >= heading or len(found) > MOST_LISTED][:LISTED])


def _numbered(book: Book) -> Iterator[tuple[int, list[Cell]]]:
    """The rows of a sheet and their numbers. Raises ValueError and the like for what is no sheet."""
    rows = _Rows(book)
    with book.blocks() as blocks:
        for _ in parse(blocks, rows):
            yield from rows.ended
            rows.ended.clear()


class _Rows(Handler):
    """Makes rows of a sheet's tags. Of cells, no more columns are kept than make a row too long."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self.book = book
        self.ended: list[tuple[int, list[Cell]]] = []
        self.columns: dict[str, int] = {}
        self.cells: list[Cell] = []
        self.number = self.column = self.letters = 0
        self.cell: dict[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == self.wanted:
            self.reading = True
        elif tag == "c":
            self.cell = attributes
            self.begin("t" if attributes.get("t") == "inlineStr" else "v")
        elif tag == "row":
            number = int(attributes.get("r", self.number + 1))
            if not self.number < number <= LAST_ROW:
                raise ValueError(f"row {number} after row {self.number}")
            self.number, self.column, self.letters, self.cells = number, 0, 0, []
        else:
            super().start(tag, attributes)

    def end(self, tag: str) -> None:
        if tag == self.wanted:
            self.reading = False
        elif tag == "c":
            place = self.cell.get("r")
            self.column = self._column(place) if place else self.column + 1
            if self.pieces and self.column <= MAX_COLUMNS + 1:
                self._put("".join(self.pieces))
        elif tag == "row":
            self.ended.append((self.number, self.cells))

    def _column(self, place: str) -> int:
        """The column of a place, A1 is in 1."""
        letters = place.rstrip("0123456789")
        found = self.columns.get(letters)
        if found is None:
            found = column_index_from_string(letters)
            self.columns[letters] = found
        return found

    def _put(self, text: str) -> None:
        """Note a cell's value."""
        cells = self.cells
        if len(cells) < self.column:
            cells += [None] * (self.column - len(cells))
        value = self._value(text)
        if isinstance(value, str):
            self.letters += len(value)
            if self.letters > LONGEST_ROW:
                raise long_row(self.number)
        cells[self.column - 1] = value

    def _value(self, text: str) -> Cell:
        match self.cell.get("t", "n"):
            case "s":
                return self.book.strings[int(text)]
            case "n":
                number = float(text) if "." in text or "e" in text or "E" in text else int(text)
                span = self.book.dates.get(self.cell.get("s", "0"))
                return number if span is None else _day(number, self.book.epoch, span)
            case "b":
                return bool(int(text))
            case "d":
                day: Cell = from_ISO8601(text)  # type: ignore[no-untyped-call]
                return day
        return text


def _day(number: float, epoch: datetime, span: bool) -> Cell:
    """A day or time as Excel counts it."""
    try:
        found: Cell = from_excel(number, epoch, timedelta=span)
    except (OverflowError, ValueError):
        return "#VALUE!"
    return found
