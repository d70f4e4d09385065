"""Form 03/TD as a workbook: numbers are numbers, text is never a formula."""

from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side

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
    headings,
)

BOLD, CENTRED = Font(bold=True), Alignment(horizontal="center", vertical="center", wrap_text=True)
THIN = Side("thin")
BOX = Border(left=THIN, right=THIN, top=THIN, bottom=THIN)
MM_PER_CHARACTER = 2
ABOVE = (NUMBER, *NATION, TITLE)


def written(meeting: Meeting) -> bytes:
    """The form as an XLSX file, set to print on A4 pages that repeat the headings."""
    book = Workbook()
    sheet: Any = book.active
    sheet.title = NUMBER.replace("/", "-")
    for place, column in enumerate(COLUMNS):
        sheet.column_dimensions[chr(ord("A") + place)].width = column.width / MM_PER_CHARACTER
    for line in (*ABOVE, *meeting.about):
        _add(sheet, [line], BOLD if line in ABOVE else Font())
        sheet.merge_cells(start_row=sheet.max_row, end_row=sheet.max_row, start_column=1, end_column=len(COLUMNS))
        sheet.cell(sheet.max_row, 1).alignment = CENTRED
    _add(sheet, headings(), BOLD, BOX)
    top = sheet.max_row
    for cell in sheet[top]:
        cell.alignment = CENTRED
    for row in meeting.rows():
        _add(sheet, row, Font(), BOX)
    _add(sheet, [TOTAL, *[None] * (WORDS - 1), *meeting.totals], BOLD, BOX)
    _signatures(sheet)
    sheet.print_title_rows = f"{top}:{top}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.page_setup.fitToHeight = True, 0
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _add(sheet: Any, cells: Any, font: Font, border: Border | None = None) -> None:
    at = sheet.max_row + 1 if sheet["A1"].value is not None else 1
    for place, value in enumerate(cells, 1):
        cell = sheet.cell(at, place, value)
        cell.font, cell.alignment = font, Alignment(vertical="center", wrap_text=True)
        if border:
            cell.border = border
        if isinstance(value, str):
            cell.data_type = "s"
        else:
            cell.number_format = "#,##0"


def _signatures(sheet: Any) -> None:
    row, each = sheet.max_row + 2, len(COLUMNS) // len(SIGNATURES)
    for place, who in enumerate(SIGNATURES):
        first = 1 + place * each
        for at, text, font in ((row, who, BOLD), (row + 1, SIGNED, Font())):
            cell = sheet.cell(at, first, text)
            cell.font, cell.alignment = font, CENTRED
            sheet.merge_cells(start_row=at, end_row=at, start_column=first, end_column=first + each - 1)
