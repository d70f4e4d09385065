"""Form 03/TD on A4 pages: headings on each, sums and places for signatures once."""

import logging
from importlib.resources import as_file, files
from typing import Any

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from services.loans.proposals.form import (
    COLUMNS,
    NATION,
    NUMBER,
    SIGNATURES,
    SIGNED,
    TITLE,
    TOTAL,
    WORDS,
    Meeting,
    dotted,
    headings,
)

FONT, SIZE, LINE, MARGIN = "serif", 10, 4.8, 10
FACES = {"": "Regular", "B": "Bold"}
FOR_SIGNATURES = 45
NEXT: dict[str, Any] = {"new_x": XPos.LMARGIN, "new_y": YPos.NEXT}
logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table of a font


class _Paper(FPDF):
    def __init__(self) -> None:
        super().__init__("landscape", "mm", "A4")
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, 15)
        self.set_lang("vi")
        self.set_title(f"{NUMBER} {TITLE}")
        for style, face in FACES.items():
            with as_file(files("font_source_serif_pro") / "files" / f"SourceSerifPro-{face}.ttf") as path:
                self.add_font(FONT, style, path)
        self.set_font(FONT, size=SIZE)

    def footer(self) -> None:
        """Which page of how many."""
        self.set_y(-12)
        self.cell(0, LINE, f"Trang {self.page_no()}/{{nb}}", align="R")

    def line_of(self, text: str, style: str = "", size: int = SIZE) -> None:
        """A centred line."""
        self.set_font(FONT, style, size)
        self.multi_cell(0, LINE * size / SIZE, text, align="C", **NEXT)


def written(meeting: Meeting) -> bytes:
    """The form as a PDF that holds its font."""
    paper = _Paper()
    paper.add_page()
    paper.cell(0, LINE, NUMBER, align="R", **NEXT)
    for line in NATION:
        paper.line_of(line, "B")
    paper.ln(LINE)
    paper.line_of(TITLE, "B", 14)
    for line in meeting.about:
        paper.line_of(line)
    paper.ln(LINE / 2)
    _list(paper, meeting)
    _signatures(paper)
    return bytes(paper.output())


def _list(paper: _Paper, meeting: Meeting) -> None:
    bold, widths = FontFace(emphasis="BOLD"), [column.width for column in COLUMNS]
    with paper.table(col_widths=widths, line_height=LINE, padding=(0.6, 1), headings_style=bold) as table:
        above = table.row()
        for heading in headings():
            above.cell(heading, align="C")
        for cells in meeting.rows():
            row = table.row()
            for cell in cells:
                row.cell(dotted(cell) if isinstance(cell, int) else cell, align="R" if isinstance(cell, int) else "L")
        below = table.row(style=bold)
        below.cell(TOTAL, colspan=WORDS, align="L")
        for total in meeting.totals:
            below.cell(dotted(total), align="R")
        below.cell("", colspan=len(COLUMNS) - WORDS - len(meeting.totals))


def _signatures(paper: _Paper) -> None:
    paper.ln(LINE)
    if paper.will_page_break(FOR_SIGNATURES):
        paper.add_page()
    width = paper.epw / len(SIGNATURES)
    for style, lines in (("B", SIGNATURES), ("", [SIGNED] * len(SIGNATURES))):
        paper.set_font(FONT, style, SIZE)
        for line in lines:
            paper.cell(width, LINE, line, align="C")
        paper.ln(LINE)
