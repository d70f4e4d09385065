"""Files that go back to the officer: the template, and the refused rows of her own sheet with what is wrong."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from io import StringIO, TextIOWrapper
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.worksheet._writer import WorksheetWriter

from contracts import ethnicities, units
from services.chassis.sheets.csv_sheet import CsvSheet
from services.chassis.sheets.headings import Plan, key
from services.chassis.sheets.sheet import Cell, Row, Sheet, path_of
from services.members.imports.mapping import ERROR, HEADINGS
from services.members.imports.schemas import Format

DATE = "dd/mm/yyyy"
BOM = "\ufeff"
EXAMPLE = {
    "name": "Hội viên Mẫu 1",
    "birth_date": "08/03/1980",
    "birth_year": "",
    "citizen_number": "",
    "phone": "",
    "card_number": "",
    "ethnicity": "Kinh",
    "branch": "Chi hội Mẫu",
    "group": "",
    "household": "",
    "joined_on": "20/10/2021",
    "kind": "Hội viên",
    "core": "x",
}
ALLOWED = (
    ("Ngày", "08/03/1980, 08-03-1980, 1980-03-08; ngày vào Hội chỉ có năm là ngày 01/01 năm đó"),
    ("Loại hội viên", "Hội viên; Danh dự"),
    ("Nòng cốt", "x hoặc Có; để trống hoặc Không"),
    ("Chi hội", "Tên chi hội đang hoạt động của xã, phường"),
    ("Số định danh cá nhân", "12 chữ số; để dạng văn bản để giữ số 0 ở đầu"),
    ("Tổ phụ nữ", "Tên hoặc mã tổ đang hoạt động của chi hội"),
    ("Hộ", "Mã hộ, hoặc địa chỉ của hộ trong chi hội"),
)
ERRORS = {key(name) for name in ERROR.values()}


class ErrorFile:
    """Refused rows of a sheet in its own format, with what is wrong in a last column (or in the one there is)."""

    def __init__(self, sheet: Sheet, plan: Plan, language: str) -> None:
        self.sheet, self.plan, self.language = sheet, plan, language
        columns = plan.columns
        self.at = next((n for n, column in enumerate(columns) if key(column.heading) in ERRORS), len(columns))
        self.table: _Csv | _Xlsx | None = None

    def _begun(self) -> "_Csv | _Xlsx":
        """The file with what stands above the refused rows."""
        if self.table is None:
            self.table = _Csv(self.sheet.delimiter) if isinstance(self.sheet, CsvSheet) else _Xlsx()
            for row in islice(self.sheet.rows(), self.plan.filled_above - 1):
                self.table.add(row.cells)
            self.table.add(self._said([column.heading for column in self.plan.columns], ERROR[self.language]))
        return self.table

    def _said(self, cells: Sequence[Cell], said: str) -> list[Cell]:
        written = [*cells, *[None] * (self.at + 1 - len(cells))]
        written[self.at] = said
        return written

    def add(self, rows: Sequence[Row], refused: Mapping[int, str]) -> None:
        """Copy those of the rows that were refused; `refused`: what is wrong, by row."""
        for row in rows:
            if said := refused.get(row.number):
                self._begun().add(self._said(row.cells, said))

    def written(self) -> IO[bytes] | None:
        """The file, open until `close`; None if no row was refused."""
        return self.table.written() if self.table else None

    def close(self) -> None:
        """Let go of it, written or not."""
        if self.table is not None:
            self.table.close()


class _Csv:
    def __init__(self, delimiter: str) -> None:
        self.file = TextIOWrapper(TemporaryFile(), encoding="utf-8-sig", newline="")  # noqa: SIM115  # until close
        self.writer = csv.writer(self.file, delimiter=delimiter)

    def add(self, cells: Sequence[Cell]) -> None:
        self.writer.writerow(["" if cell is None else cell for cell in cells])

    def written(self) -> IO[bytes]:
        self.file.flush()
        self.file.buffer.seek(0)
        return self.file.buffer

    def close(self) -> None:
        self.file.close()


class _Unnamed(WorksheetWriter):
    """Rows of a sheet in a file without a name; openpyxl's own outlives a process that is killed."""

    def __init__(self, sheet: Any) -> None:
        self.file = TemporaryFile()  # noqa: SIM115  # until close
        super().__init__(sheet, str(path_of(self.file)))
        self.write_top()

    def cleanup(self) -> None:
        self.file.close()


class _Xlsx:
    def __init__(self, title: str = "Hội viên") -> None:
        self.book = Workbook(write_only=True)
        self.sheet: Any = self.book.create_sheet(title)
        self.sheet._writer = _Unnamed(self.sheet)
        self.file = TemporaryFile()  # noqa: SIM115  # until close

    def add(self, cells: Sequence[Cell]) -> None:
        self.sheet.append([_cell(self.sheet, cell) for cell in cells])

    def written(self) -> IO[bytes]:
        self.book.save(self.file)
        self.file.seek(0)
        return self.file

    def close(self) -> None:
        if not self.sheet.closed:
            self.sheet.close()
            self.sheet._writer.cleanup()
        self.file.close()


def _cell(sheet: Any, value: Cell) -> Any:
    """A value as it was: text stays text (never a formula), a date looks like one."""
    if isinstance(value, str):
        cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value))
        cell.data_type = "s"
        return cell
    if isinstance(value, date) and (not isinstance(value, datetime) or value.time() == datetime.min.time()):
        cell = WriteOnlyCell(sheet, datetime(value.year, value.month, value.day))  # noqa: DTZ001  # as Excel has it
        cell.number_format = DATE
        return cell
    return value


def template(format_: Format, reach: frozenset[str]) -> bytes:
    """An empty file with the headings and one example; as XLSX also a sheet of what may be written."""
    communes = [unit for code in sorted(reach) if (unit := units.current().get(code)) and unit.parent]
    example = EXAMPLE | {"unit": communes[0].code if communes else ""}
    headings = [names[0] for names in HEADINGS.values()]
    rows: list[list[str]] = [headings, [example[field] for field in HEADINGS]]
    if format_ == "csv":
        text = StringIO()
        csv.writer(text).writerows(rows)
        return (BOM + text.getvalue()).encode()
    table = _Xlsx()
    for row in rows:
        table.add(row)
    allowed: Any = table.book.create_sheet("Giá trị cho phép")
    for line in _allowed(communes):
        allowed.append(line)
    with closing(table):
        return table.written().read()


def _allowed(communes: Sequence[units.Unit]) -> Iterator[tuple[str, str]]:
    yield from ALLOWED
    yield ("", "")
    yield ("Mã dân tộc", "Dân tộc")
    for group in ethnicities.groups().values():
        if group.system == ethnicities.SYSTEM:
            yield (group.code, group.name)
    yield ("", "")
    yield ("Mã xã", "Xã, phường, đặc khu")
    yield from ((unit.code, unit.name) for unit in communes)
