"""CSV files: which encoding, which delimiter, which rows."""

import codecs
import csv
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import IO

from services.chassis.sheets.sheet import LONGEST_CELL, LONGEST_ROW, Row, Sheet, Unreadable, check_font, filled_rows

DELIMITERS = ",;\t"
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
SAMPLE = 1 << 18
WINDOWS_1258 = "cp1258"


class CsvSheet(Sheet):
    """A CSV file: UTF-8, UTF-16 with its mark, or Windows-1258; delimited by comma, semicolon or tab."""

    format = "csv"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.encoding = _encoding(path)
        self.delimiter = max(DELIMITERS, key=self._columns)
        self.filled = sum(1 for _ in self.rows())

    def rows(self) -> Iterator[Row]:
        """The rows that hold something. Raises Unreadable naming the line that is no CSV."""
        with closing(self._records(self.delimiter)) as records:
            yield from filled_rows(enumerate(records, 1))

    def check_below(self, heading: int) -> None:
        """Text holds nothing but its cells."""

    def close(self) -> None:
        """Each reading closes the file itself."""

    def _records(self, delimiter: str) -> Generator[Sequence[str]]:
        with self.path.open(encoding=self.encoding, newline="") as file:
            lines = _Lines(file)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            try:
                for record in reader:
                    lines.taken = 0
                    if any(len(cell) > LONGEST_CELL for cell in record):
                        raise csv.Error("a cell is too long")
                    yield record
            except csv.Error as error:
                line = reader.line_num
                raise Unreadable(
                    "csv",
                    f"Dòng {line} không đúng dạng CSV: kiểm tra dấu nháy kép mở mà không đóng",
                    f"Line {line} is not CSV ({error}): look for a double quote that is not closed",
                ) from None
            except UnicodeDecodeError:
                raise _undecodable(self.encoding) from None

    def _columns(self, delimiter: str) -> int:
        """Cells of the first lines, as far as they can be read."""
        cells = 0
        with suppress(Unreadable), closing(self._records(delimiter)) as records:
            for record in islice(records, 20):
                cells += len(record)
        return cells


class _Lines:
    """The lines of a file, none of which is read further than a row may be long; nor are `taken` together."""

    def __init__(self, file: IO[str]) -> None:
        self.file, self.taken = file, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.file.readline(LONGEST_ROW + 1)
        self.taken += len(line)
        if self.taken > LONGEST_ROW:
            raise csv.Error("a row is too long")
        if "\0" in line:
            raise csv.Error("a NUL")
        if not line:
            raise StopIteration
        return line


def _encoding(path: Path) -> str:
    """The file's encoding. Raises Unreadable for what is no text, and for fonts of before Unicode."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE)
    for mark, encoding in BOMS:
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        raise Unreadable(
            "not_text",
            "Tệp không phải CSV: hãy lưu từ Excel dưới dạng .xlsx, hoặc «CSV UTF-8»",
            "The file is not CSV: save it from Excel as .xlsx or as “CSV UTF-8”",
        )
    fault = _first_fault(path)
    if fault is None:
        return "utf-8"
    if any("\u1ea0" <= letter <= "\u1ef9" for letter in sample.decode("utf-8", "ignore")):
        raise Unreadable(
            "encoding",
            f"Tệp là UTF-8 nhưng hỏng ở byte {fault:,}: hãy lưu lại từ bản gốc".replace(",", "."),
            f"The file is UTF-8 but broken at byte {fault:,}: save it again from the original",
        )
    check_font(sample.decode("cp1252", "replace"))
    try:
        sample.decode(WINDOWS_1258)
    except UnicodeDecodeError:
        raise _undecodable(WINDOWS_1258) from None
    return WINDOWS_1258


def _first_fault(path: Path) -> int | None:
    """Where the file stops being UTF-8, if it does."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    with path.open("rb") as file:
        while True:
            part = file.read(1 << 20)
            try:
                decoder.decode(part, final=not part)
            except UnicodeDecodeError as error:
                return read + error.start
            if not part:
                return None
            read += len(part)


def _undecodable(encoding: str) -> Unreadable:
    return Unreadable(
        "encoding",
        f"Không đọc được bảng mã của tệp (thử {encoding}): hãy lưu từ Excel dưới dạng .xlsx hoặc «CSV UTF-8»",
        f"The file's encoding cannot be told (tried {encoding}): save it from Excel as .xlsx or as “CSV UTF-8”",
    )
