"""Sheets that no row of ours could fill are refused before they fill the memory."""

from pathlib import Path

import pytest

from services.chassis.sheets.csv_sheet import SAMPLE, CsvSheet
from services.chassis.sheets.sheet import LONGEST_ROW, Unreadable


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    """Of a file that is one line, no more is read than the longest line there may be."""
    path = tmp_path / "one-line.csv"
    path.write_text("," * (2 * LONGEST_ROW), encoding="utf-8")
    with pytest.raises(Unreadable, match="Line 0"):
        CsvSheet(path)
    path.write_text("a,b\n" + "," * (LONGEST_ROW - 2) + "x\n", encoding="utf-8")
    assert len(list(CsvSheet(path).rows())) == 2


def test_a_row_of_lines_without_end_is_refused(tmp_path: Path) -> None:
    """A row may have several lines, each cell of it closed on the next, together no longer than a row may be."""
    path = tmp_path / "one-row.csv"
    path.write_text('"a\n",' * (LONGEST_ROW // 5 - 1) + "b\n" + '"c\n",d\n', encoding="utf-8")
    assert [row.number for row in CsvSheet(path).rows()] == [1, 2]
    path.write_text('"a\n",' * LONGEST_ROW, encoding="utf-8")
    with pytest.raises(Unreadable, match="a row is too long"):
        CsvSheet(path)


def test_a_nul_far_in_is_no_text(tmp_path: Path) -> None:
    """A NUL behind what is looked at first is refused when its line is read, and never stored."""
    path = tmp_path / "nul.csv"
    path.write_bytes(b"a;b\n" + b"1;2\n" * SAMPLE + b"3;\0\n")
    with pytest.raises(Unreadable, match="NUL"):
        CsvSheet(path)
