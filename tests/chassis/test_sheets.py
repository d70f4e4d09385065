"""Sheets that no row of ours could fill are refused before they fill the memory."""

from pathlib import Path

import pytest

from services.chassis.sheets.csv_sheet import LONGEST_LINE, CsvSheet
from services.chassis.sheets.sheet import Unreadable


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    """Of a file that is one line, no more is read than the longest line there may be."""
    path = tmp_path / "one-line.csv"
    path.write_text("," * (2 * LONGEST_LINE), encoding="utf-8")
    with pytest.raises(Unreadable, match="Line 0"):
        CsvSheet(path)
    path.write_text("a,b\n" + "," * (LONGEST_LINE - 2) + "x\n", encoding="utf-8")
    assert len(list(CsvSheet(path).rows())) == 2
