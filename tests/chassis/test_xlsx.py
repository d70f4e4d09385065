"""XLSX files: rows are what openpyxl reads; a small file that stands for gigabytes is refused before it grows."""

import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.sheets.sheet import LONGEST_ROW
from services.chassis.sheets.xlsx_book import MAX_STRINGS, MAX_STYLES
from services.chassis.sheets.xlsx_parts import LONGEST_TEXT, MAX_DEPTH, MAX_NAMES, MAX_PARTS, TAG_BYTES
from services.chassis.sheets.xlsx_sheet import MOST_LISTED, ROW_BYTES, XlsxSheet
from tests.workbooks import MAIN, RELATIONS, SHEET, STYLES, WORKBOOK, part, relations, sheet, strings, workbook

CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(-1e12, 1e12, allow_nan=False),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20).filter(
        lambda text: not text.startswith("=") and "_x" not in text
    ),
    st.dates(date(1901, 1, 1), date(2100, 1, 1)),
    st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001  # as Excel has it
    st.times().map(lambda at: at.replace(microsecond=0)),
    st.timedeltas(timedelta(days=1), timedelta(days=100)).map(
        lambda span: timedelta(seconds=int(span.total_seconds()))
    ),
)
MEMORY = 200
"""MiB that a process may take at most, the interpreter and what it imports included, whatever the file is."""


def cells(path: Path) -> list[tuple[int, list[Any]]]:
    """The rows of a workbook and their numbers."""
    return [(row.number, list(row.cells)) for row in XlsxSheet(path).rows()]


@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=6), min_size=1, max_size=6))
def test_rows_are_what_openpyxl_reads(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    """Text, numbers, days, times and spans; rows keep their numbers."""
    path = tmp_path_factory.mktemp("book") / "book.xlsx"
    book = openpyxl.Workbook()
    made: Any = book.active
    for row in rows:
        made.append(row)
    book.save(path)
    wanted = []
    for number, row in enumerate(openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True), 1):
        found = list(row)
        while found and found[-1] in (None, ""):
            found.pop()
        if any(value not in (None, "") for value in found):
            wanted.append((number, [value or None if isinstance(value, str) else value for value in found]))
    assert cells(path) == wanted
    assert XlsxSheet(path).filled >= len(wanted)


def test_cells_of_every_kind(tmp_path: Path) -> None:
    """Booleans, errors, ISO days, runs of text without their reading, cells without places, gaps, days from 1904."""
    rows = (
        '<row r="3"><c r="B3" t="b"><v>1</v></c><c t="e"><v>#N/A</v></c><c t="d"><v>2021-10-20T00:00:00</v></c></row>'
        '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c><c r="ZZ4"><v>5</v></c></row>'
        '<row r="9"><c r="C9" s="1"><v>1.5</v></c><c r="A9"><v>1E3</v></c>'
        '<c r="D9" s="1"><v>9e9</v></c><c r="E9"/></row>'
    )
    texts = (
        "<si><t>Hội</t></si>"
        "<si><r><rPr/><t>Hội </t></r><r><t>viên</t></r><rPh sb='0' eb='1'><t>?</t></rPh><phoneticPr/></si>"
    )
    styles = '<numFmts><numFmt numFmtId="200" formatCode="dd/mm/yyyy"/></numFmts><cellStyleXfs><xf/></cellStyleXfs>'
    styles += '<cellXfs><xf numFmtId="0"/><xf numFmtId="200"/></cellXfs>'
    book = '<workbookPr date1904="1"/><sheets><sheet r:id="1"/></sheets>'
    parts = {SHEET: sheet(rows), STYLES: part("styleSheet", styles), WORKBOOK: part("workbook", book)}
    path = tmp_path / "book.xlsx"
    path.write_bytes(workbook(parts | strings(texts)))
    assert cells(path) == [
        (3, [None, True, "#N/A", datetime(2021, 10, 20)]),  # noqa: DTZ001  # as Excel has it
        (4, ["Hội", "Hội viên"]),
        (9, [1000.0, None, datetime(1904, 1, 2, 12), "#VALUE!"]),  # noqa: DTZ001  # as Excel has it
    ]
    strict = sheet('<row><c t="str"><v>x</v></c></row>').replace(MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main")
    path.write_bytes(workbook({SHEET: strict}))
    assert cells(path) == [(1, ["x"])]


CHILD = r"""
import re
import sys
from pathlib import Path
from services.chassis.sheets.reading import open_sheet
from services.chassis.sheets.sheet import Unreadable
try:
    sheet = open_sheet(Path(sys.argv[1]))
    sheet.check_below(1)
    rows = sum(1 for _ in sheet.rows())
    said = f"{rows} rows"
except Unreadable as error:
    said = f"{error.fault.code}: {error.fault.message.en}"
print(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1], said)
"""


def noise(size: int) -> str:
    """Text that compresses little, so that no ratio gives the rest away."""
    return random.Random(1).randbytes(size // 2).hex()


BOMBS: dict[str, tuple[Callable[[], Mapping[str, str | bytes]], str]] = {
    "empty strings": (
        lambda: strings(f"<si><t>{noise(30_000)}</t></si>" * 10 + "<si/>" * MAX_STRINGS),
        "too_many_strings",
    ),
    "a string without end": (lambda: strings(f"<si><t>{'x' * (LONGEST_TEXT + 1)}</t></si>"), "long_cell"),
    "a string of pieces without end": (lambda: strings("<si>" + "<r><t>ab</t></r>" * LONGEST_TEXT + "</si>"),
                                       "long_cell"),
    "styles": (
        lambda: {STYLES: part("styleSheet", f"<cellXfs>{'<xf/>' * (MAX_STYLES + 1)}</cellXfs>")},
        "too_many_styles",
    ),
    "formats": (
        lambda: {STYLES: part("styleSheet", "".join(
            f'<numFmt numFmtId="{n}" formatCode="0"/>' for n in range(200, MAX_STYLES + 201)))},
        "too_many_styles",
    ),
    "sheets": (
        lambda: {WORKBOOK: part("workbook", '<sheets>' + '<sheet r:id="1"/>' * (MAX_PARTS + 1) + "</sheets>")},
        "too_many_parts",
    ),
    "relations": (
        lambda: {RELATIONS: relations(*["styles"] * (MAX_PARTS + 1))},
        "too_many_parts",
    ),
    "parts": (lambda: {f"xl/{n}": "" for n in range(MAX_PARTS)}, "too_many_parts"),
    "names of parts": (lambda: {f"xl/{n:0200}": "" for n in range(6_000)}, "too_many_parts"),
    "merged cells": (
        lambda: {SHEET: sheet("<row><c><v>1</v></c></row>", "".join(
            f'<mergeCell ref="A{n}:B{n}"/>' for n in range(1, 400_000)))},
        "merged_cells",
    ),
    "merged cells above the table": (
        lambda: {SHEET: sheet('<row r="900"><c><v>1</v></c></row>', '<mergeCell ref="A1:B0"/>' * (MOST_LISTED + 1))},
        "merged_cells",
    ),
    "formulas": (
        lambda: {SHEET: sheet("".join(f'<row><c r="A{n}"><f>1</f></c></row>' for n in range(1, 200_000)))},
        "formula",
    ),
    "names": (
        lambda: {WORKBOOK: part("workbook", '<sheets><sheet r:id="1"/></sheets><definedNames>'
                                + '<definedName name="a">b</definedName>' * 300_000 + "</definedNames>")},
        "1 rows",
    ),
    "columns": (lambda: {SHEET: sheet('<row r="1048576"><c r="XFD1048576"><v>1</v></c><c r="A1"><v>2</v></c></row>')},
                "1 rows"),
    "no column": (lambda: {SHEET: sheet('<row><c r="ZZZZ1"><v>1</v></c></row>')}, "malformed"),
    "cells in a row": (lambda: {SHEET: sheet("<row>" + "<c><v>1</v></c>" * 250_000 + "</row>")}, "1 rows"),
    "a row without end": (lambda: {SHEET: sheet("<row>" + "<c/>" * (ROW_BYTES // 3) + "</row>")}, "a row without end"),
    "one string in all cells": (
        lambda: strings(f"<si><t>{noise(30_000)}</t></si>") | {SHEET: sheet(
            ("<row>" + '<c t="s"><v>0</v></c>' * 200 + "</row>") * 1_000)},
        "long_row",
    ),
    "one string in three cells of each row": (
        lambda: strings(f"<si><t>{noise(LONGEST_ROW // 3)}</t></si>") | {SHEET: sheet(
            ("<row>" + '<c t="s"><v>0</v></c>' * 3 + "</row>") * 3_000)},
        "3000 rows",
    ),
    "tags within tags": (lambda: {SHEET: sheet("<row>" + "<a>" * 1_000_000)}, "tags within tags"),
    "tags within tags of strings": (lambda: strings("<a>" * (MAX_DEPTH + 1)), "tags within tags"),
    "kinds of tags": (
        lambda: {SHEET: sheet("<row/>", "".join(f"<a{n}/>" for n in range(1_000_000)))},
        "kinds of tags",
    ),
    "kinds of attributes": (lambda: {STYLES: part("styleSheet", "".join(
        f'<a b{n}=""/>' for n in range(20 * MAX_NAMES)))}, "kinds of tags"),
    "a tag without end": (
        lambda: {STYLES: part("styleSheet", f'<a b="{noise(2 * TAG_BYTES)}"/>')},
        "a tag without end",
    ),
    "entities": (
        lambda: {SHEET: '<!DOCTYPE a [<!ENTITY b "c">]>' + sheet("<row><c><v>&b;</v></c></row>")},
        "a document type",
    ),
    "merges without end": (
        lambda: {SHEET: sheet("<row><c><v>1</v></c></row><row>" + "<mergeCell " * 250_000 + "</row>")},
        "malformed",
    ),
    "cells without end": (lambda: {SHEET: sheet("<row>" + "<c " * 1_000_000 + "<f/></row>")}, "malformed"),
    "rows past the last": (lambda: {SHEET: sheet('<row r="2147483648"><c><v>1</v></c></row>')}, "malformed"),
    "rows out of order": (lambda: {SHEET: sheet('<row r="2"/><row r="1"/>')}, "row 1 after row 2"),
    "a string before the first": (
        lambda: strings("<si><t>a</t></si>") | {SHEET: sheet('<row><c t="s"><v>-1</v></c></row>')},
        "malformed",
    ),
    "a string after the last": (
        lambda: strings("<si><t>a</t></si>") | {SHEET: sheet('<row><c t="s"><v>1</v></c></row>')},
        "malformed",
    ),
    "no sheet": (lambda: {WORKBOOK: part("workbook", "<sheets/>")}, "malformed"),
    "another encoding": (lambda: {SHEET: sheet("<row/>").encode("utf-16")}, "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_no_workbook_fills_the_memory(tmp_path: Path, name: str) -> None:
    """Whatever its few kB stand for, a process that reads it stays small; it is told why it is refused, or is taken."""
    make, said = BOMBS[name]
    path = tmp_path / "book.xlsx"
    path.write_bytes(workbook(make()))
    assert path.stat().st_size < 12 << 20
    memory, answer = told(path)
    assert said in answer
    assert memory < MEMORY


def test_no_other_packing_fills_the_memory(tmp_path: Path) -> None:
    """A part packed as Office Open XML does not allow is not unpacked: zipfile would make a gigabyte of a block."""
    path = tmp_path / "book.xlsx"
    packed = workbook({SHEET: sheet("<row><c><v>1</v></c></row>" + " " * 500_000_000)}, zipfile.ZIP_BZIP2)
    path.write_bytes(
        packed.replace(
            (500_000_000 + len(sheet("<row><c><v>1</v></c></row>"))).to_bytes(4, "little"),
            (1_000).to_bytes(4, "little"),
        )
    )  # what it says it unpacks to
    memory, answer = told(path)
    assert "malformed" in answer
    assert memory < MEMORY


def told(path: Path) -> tuple[int, str]:
    """How many MiB a process took that read a file, and what it says of it. No file takes it a minute."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    memory, _, answer = done.stdout.strip().partition(" ")
    return int(memory) >> 10, answer
