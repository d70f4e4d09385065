"""What an XLSX file says beside its rows: which sheet is the first, its strings, which styles are days and times."""

import zipfile
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH

from services.chassis.sheets.sheet import Unreadable
from services.chassis.sheets.xlsx_parts import (
    MAX_PARTS,
    PARTS,
    SHEET_BYTES,
    STRINGS_BYTES,
    File,
    Handler,
    blocks,
    check_count,
    check_size,
    read,
)

WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
MAX_STRINGS, MAX_STYLES = 4_000_000, 65_536
STRINGS = ("strings", "chuỗi khác nhau", "different strings")
STYLES = ("styles", "kiểu định dạng", "cell formats")
LONGEST_CODE = 255
"""Characters of a number's format; no longer one is a date's."""


class Strings(Handler):
    """The table of strings that cells refer to, their UTF-8 in one piece: objects would take three times as much."""

    def __init__(self) -> None:
        super().__init__()
        self.utf8, self.ends = bytearray(), array("I", [0])

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "si":
            self.begin("t")
        else:
            super().start(tag, attributes)

    def end(self, tag: str) -> None:
        if tag == "si":
            check_count(len(self.ends), MAX_STRINGS, *STRINGS)
            self.utf8 += "".join(self.pieces).replace("x005F_", "").encode()
            self.ends.append(len(self.utf8))
        else:
            super().end(tag)

    def __getitem__(self, number: int) -> str:
        """One string. Raises IndexError."""
        if number < 0:
            raise IndexError(number)
        return self.utf8[self.ends[number] : self.ends[number + 1]].decode()


class _Workbook(Handler):
    """Sheets by the ids of their relations, and from when days are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[str] = []
        self.epoch = WINDOWS_EPOCH

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            self.epoch = MAC_EPOCH
        elif tag == "sheet":
            self.sheets.append(attributes["link"])
            check_count(len(self.sheets), MAX_PARTS, *PARTS)


class _Relations(Handler):
    """Which kind of part each relation leads to, and the part's name."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, tuple[str, str]] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship":
            target = attributes["Target"]
            name = target[1:] if target.startswith("/") else f"xl/{target}"
            self.parts[attributes["Id"]] = (attributes["Type"].rpartition("/")[2], name)
            check_count(len(self.parts), MAX_PARTS, *PARTS)


class _Styles(Handler):
    """Which formats of cells are days and times."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: dict[str, str] = {str(number): code for number, code in BUILTIN_FORMATS.items()}
        self.formats: list[str] = []
        self.inside = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "numFmt" and len(attributes["formatCode"]) <= LONGEST_CODE:
            self.codes[attributes["numFmtId"]] = attributes["formatCode"]
            check_count(len(self.codes), MAX_STYLES, *STYLES)
        elif tag == "cellXfs":
            self.inside = True
        elif tag == "xf" and self.inside:
            self.formats.append(attributes.get("numFmtId", "0"))
            check_count(len(self.formats), MAX_STYLES, *STYLES)

    def end(self, tag: str) -> None:
        if tag == "cellXfs":
            self.inside = False

    def dates(self) -> dict[str, bool]:
        """Styles of days and times, by number; true: of spans of time."""
        codes = {number: is_timedelta_format(code) for number, code in self.codes.items() if is_date_format(code)}
        return {str(number): codes[each] for number, each in enumerate(self.formats) if each in codes}


class Book(NamedTuple):
    """What the cells of a workbook's first sheet mean: which part it is, and what its strings and styles are."""

    path: Path
    sheet: str
    strings: Strings
    dates: Mapping[str, bool]
    epoch: datetime

    @contextmanager
    def blocks(self) -> Iterator[Iterable[bytes]]:
        """The XML of the sheet."""
        with File(self.path) as file, zipfile.ZipFile(file) as parts:
            yield blocks(parts, self.sheet)


def open_book(path: Path) -> Book:
    """What must be known before rows can be read. Raises Unreadable, and what zipfile and expat raise."""
    with File(path) as file, zipfile.ZipFile(file) as parts:
        present = set(parts.namelist())
        check_count(len(present), MAX_PARTS, *PARTS)
        if WORKBOOK not in present:
            raise Unreadable(
                "not_xlsx",
                "Tệp không phải XLSX: hãy mở bằng Excel và lưu dưới dạng .xlsx",
                "The file is not XLSX: open it in Excel and save it as .xlsx",
            )
        relations, workbook, strings, styles = _Relations(), _Workbook(), Strings(), _Styles()
        read(parts, RELATIONS, relations)
        read(parts, WORKBOOK, workbook)
        linked = [relations.parts[link] for link in workbook.sheets]
        sheets = [name for kind, name in linked if kind == "worksheet"]
        named = {kind: name for kind, name in relations.parts.values() if name in present}
        check_size(parts, sheets[0], SHEET_BYTES)
        if "sharedStrings" in named:
            read(parts, named["sharedStrings"], strings, STRINGS_BYTES)
        if "styles" in named:
            read(parts, named["styles"], styles)
    return Book(path, sheets[0], strings, styles.dates(), workbook.epoch)
