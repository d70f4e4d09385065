"""XLSX files, streamed. What openpyxl does not tell while streaming is looked up in the sheet's XML."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from services.chassis.sheets.sheet import MAX_ROWS, Row, Sheet, Unreadable, number_rows, too_many_rows

WORKBOOK = "xl/workbook.xml"
SHEET_BYTES, STRINGS_BYTES, OTHER_BYTES = 2 << 30, 256 << 20, 16 << 20
"""Most that a sheet (streamed), the table of strings and each other part (held in memory) may unpack to."""
RATIO = 200
BLOCK, ROW_BYTES = 1 << 20, 16 << 20
LISTED = 5
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, ParseError, KeyError, ValueError, TypeError, AttributeError, IndexError),
    *(InvalidFileException, EOFError, NotImplementedError, OSError, RuntimeError, OverflowError),
)
"""What openpyxl raises for files that are not what they say."""
_TAG = rb"<(?:\w+:)?"
_MERGE = re.compile(_TAG + rb'mergeCell\b[^>]*?\bref="([A-Z]+(\d+):[A-Z]+(\d+))"')
_FORMULA = re.compile(
    _TAG + rb"c\b([^>]*)>\s*" + _TAG + rb"f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:" + _TAG + rb"v\s*/>|" + _TAG + rb"v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_REFERENCE = re.compile(rb'\br="([A-Z]+(\d+))"')


class XlsxSheet(Sheet):
    """The first worksheet of a workbook."""

    format = "xlsx"
    encoding = "utf-8"

    def __init__(self, path: Path) -> None:
        with _understood():
            _check_parts(path)
            self.file = path.open("rb")
            try:
                self._open(path)
            except BaseException:
                self.file.close()
                raise

    def _open(self, path: Path) -> None:
        book: Any = openpyxl.load_workbook(self.file, read_only=True, data_only=True)
        self.sheet = book.worksheets[0]
        self.merged: list[tuple[str, int]] = []
        self.uncomputed: list[tuple[str, int]] = []
        self.filled = 0
        with zipfile.ZipFile(path) as parts, parts.open(self.sheet._worksheet_path) as file:
            self._scan(file)

    def rows(self) -> Iterator[Row]:
        """The rows that hold something."""
        self.sheet.reset_dimensions()
        with _understood():
            yield from number_rows(self.sheet.iter_rows(values_only=True))

    def check_below(self, heading: int) -> None:
        """No merged cells and no formula without its result from the heading on."""
        if merged := [name for name, row in self.merged if row >= heading]:
            names = ", ".join(merged[:LISTED])
            raise Unreadable(
                "merged_cells",
                f"Có ô gộp trong bảng ({names}): hãy bỏ gộp ô, mỗi dòng một bản ghi, mỗi cột một tiêu đề",
                f"There are merged cells in the table ({names}): unmerge them; one record a row, one heading a column",
            )
        if uncomputed := [name for name, row in self.uncomputed if row >= heading]:
            names = ", ".join(uncomputed[:LISTED])
            raise Unreadable(
                "formula",
                f"Có công thức chưa được tính ({names}): mở tệp bằng Excel và lưu lại, hoặc dán giá trị",
                f"There are formulas without results ({names}): open the file in Excel and save it, or paste values",
            )

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    def _scan(self, file: IO[bytes]) -> None:
        """Count filled rows, find merged cells and formulas without results; a block of whole rows at a time."""
        rest = b""
        while part := file.read(BLOCK):
            block, end, rest = (rest + part).rpartition(b"row>")
            self._look(block + end)
            if len(rest) > ROW_BYTES:
                raise ValueError("a row without end")
        self._look(rest)

    def _look(self, block: bytes) -> None:
        self.filled += sum(b"v>" in row or b"is>" in row for row in block.split(b"row>"))
        if self.filled > MAX_ROWS + 1:
            raise too_many_rows()
        if b"mergeCell" in block and len(self.merged) < BLOCK:
            self.merged += [(name.decode(), int(last)) for name, _, last in _MERGE.findall(block)]
        if (b"<f" in block or b":f" in block) and len(self.uncomputed) < BLOCK:
            for attributes in _FORMULA.findall(block):
                place = _REFERENCE.search(attributes)
                if place and b't="str"' not in attributes:
                    self.uncomputed.append((place[1].decode(), int(place[2])))


@contextmanager
def _understood() -> Iterator[None]:
    """What a broken file makes the library raise, as Unreadable."""
    try:
        yield
    except BROKEN as error:
        raise Unreadable(
            "malformed",
            "Tệp XLSX bị hỏng: hãy mở bằng Excel, lưu lại dưới dạng .xlsx rồi gửi lại",
            f"The XLSX file is broken ({error}): open it in Excel, save it as .xlsx and send it again",
        ) from None


def _check_parts(path: Path) -> None:
    """No workbook is larger unpacked than it may be; zipfile never unpacks more than a part declares."""
    with zipfile.ZipFile(path) as parts:
        infos = parts.infolist()
        if WORKBOOK not in parts.namelist():
            raise Unreadable(
                "not_xlsx",
                "Tệp không phải XLSX: hãy mở bằng Excel và lưu dưới dạng .xlsx",
                "The file is not XLSX: open it in Excel and save it as .xlsx",
            )
    for info in infos:
        if info.filename.startswith("xl/media/"):
            continue
        folder, _, name = info.filename.rpartition("/")
        most = (
            SHEET_BYTES if folder == "xl/worksheets" else STRINGS_BYTES if name == "sharedStrings.xml" else OTHER_BYTES
        )
        if info.file_size > most or info.file_size > max(OTHER_BYTES, RATIO * info.compress_size):
            raise Unreadable(
                "unpacks_too_large",
                f"Tệp giải nén ra quá lớn ({info.filename}: {info.file_size >> 20} MiB): hãy chia thành nhiều tệp",
                f"The file unpacks to too much ({info.filename}: {info.file_size >> 20} MiB): split it into several",
            )
