"""What the bank's file says, line by line: its columns, and what is wrong with a line. Pure."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from services.chassis.errors import Fault, Text
from services.chassis.paging import fold
from services.chassis.sheets.headings import Column, key
from services.chassis.sheets.sheet import Cell, Row

FieldName = Literal[
    "contract_number", "customer_code", "programme", "in_term", "overdue", "frozen", "interest", "disbursed", "repaid",
    "savings",
]  # fmt: skip
HEADINGS: dict[FieldName, tuple[str, ...]] = {
    "contract_number": ("Số hợp đồng", "Số khế ước", "Hợp đồng", "Mã món vay", "Contract number", "Contract"),
    "customer_code": ("Mã khách hàng", "Mã KH", "Khách hàng", "Customer code", "Customer"),
    "programme": ("Chương trình", "Chương trình cho vay", "Mã chương trình", "Programme"),
    "in_term": ("Dư nợ trong hạn", "Nợ trong hạn", "Trong hạn", "In term"),
    "overdue": ("Dư nợ quá hạn", "Nợ quá hạn", "Quá hạn", "Overdue"),
    "frozen": ("Nợ khoanh", "Dư nợ khoanh", "Khoanh nợ", "Frozen"),
    "interest": ("Lãi đã trả", "Lãi đã thu", "Thu lãi", "Thu lãi trong tháng", "Interest paid", "Interest"),
    "disbursed": ("Giải ngân", "Doanh số cho vay", "Cho vay trong tháng", "Disbursed"),
    "repaid": ("Gốc đã trả", "Thu nợ", "Doanh số thu nợ", "Thu nợ trong tháng", "Repaid"),
    "savings": ("Tiền gửi", "Tiền gửi tiết kiệm", "Số dư tiền gửi", "Tiết kiệm", "Savings"),
}
"""What each column is called; the first name is told to people. Interest, disbursed, repaid: within the month."""
NEEDED: tuple[FieldName, ...] = ("contract_number", "customer_code", "programme", "in_term", "overdue", "frozen")
OWED: tuple[FieldName, ...] = ("in_term", "overdue", "frozen")
MOVED: tuple[FieldName, ...] = ("interest", "disbursed", "repaid")
MOST = 10_000_000_000_000
"""VND in a cell: the sums of as many lines as a file may have still fit."""
TOTALS = {"tong", "tong cong", "cong", "tong so", "total"}
"""A row without a contract that begins so is a sum, and no line."""
_GROUPED = re.compile(r"(\d{1,3}(?:([.,\s])\d{3})(?:\2\d{3})*|\d+)(?:[.,]0{1,2})?")
_CONTRACT, _CUSTOMER = re.compile(r"[0-9A-Za-z./-]{1,60}"), re.compile(r"[0-9A-Za-z.-]{1,40}")


class Line(NamedTuple):
    """A line of the file. What cannot be read of it is None, or 0 VND, and has its fault."""

    row: int
    contract_number: str | None
    customer_code: str | None
    programme: str | None
    in_term: int
    overdue: int
    frozen: int
    interest: int
    disbursed: int
    repaid: int
    savings: int | None
    faults: Sequence[Fault]


class Reader:
    """Reads the rows below the headings; `programmes` are codes by folded code and name."""

    def __init__(self, columns: Sequence[Column], programmes: Mapping[str, str]) -> None:
        self.at = {column.field: n for n, column in enumerate(columns) if column.field}
        self.told = {column.field: f"{column.column} «{column.heading}»" for column in columns if column.field}
        self.programmes = programmes
        self.seen: dict[str, int] = {}

    def read(self, row: Row) -> Line | None:
        """One line, or None for a row of sums."""
        cells = {field: row.cells[n] if n < len(row.cells) else None for field, n in self.at.items()}
        if not _text(cells["contract_number"]) and TOTALS & {
            key(cell) for cell in islice(row.cells, len(self.at)) if isinstance(cell, str)
        }:
            return None
        faults: list[Fault] = []
        contract = self._contract(row.number, cells["contract_number"], faults)
        customer = self._matching(_CUSTOMER, "customer_code", cells["customer_code"], faults)
        programme = self.programmes.get(fold(_text(cells["programme"])))
        if programme is None:
            faults.append(self._fault("programme", "unknown", "không có chương trình này", "no such programme"))
        if not any(_text(cells[field]) for field in OWED):
            faults.append(self._fault("in_term", "missing", "không có số dư nào", "no balance is given"))
        owed = [self._amount(field, cells[field], faults) for field in OWED]
        moved = [self._amount(field, cells.get(field), faults) for field in MOVED]
        savings = self._amount("savings", cells.get("savings"), faults) if "savings" in cells else None
        return Line._make((row.number, contract, customer, programme, *owed, *moved, savings, faults))

    def _contract(self, number: int, cell: Cell, faults: list[Fault]) -> str | None:
        """A contract number that no line before had."""
        contract = self._matching(_CONTRACT, "contract_number", cell, faults)
        if contract is None:
            return None
        if (first := self.seen.setdefault(contract, number)) != number:
            vi, en = f"{contract} đã có ở dòng {first}", f"{contract} stands in row {first} already"
            faults.append(self._fault("contract_number", "repeated", vi, en))
            return None
        return contract

    def _matching(self, pattern: re.Pattern[str], field: FieldName, cell: Cell, faults: list[Fault]) -> str | None:
        text = _text(cell)
        if pattern.fullmatch(text):
            return text
        if text:
            faults.append(self._fault(field, "pattern", "có ký tự không hợp lệ hoặc quá dài", "not such a code"))
        else:
            faults.append(self._fault(field, "missing", "để trống", "is empty"))
        return None

    def _amount(self, field: FieldName, cell: Cell, faults: list[Fault]) -> int:
        try:
            return amount(cell)
        except ValueError:
            faults.append(
                self._fault(field, "amount", "không phải số đồng nguyên, không âm", "no whole number of VND ≥ 0")
            )
            return 0

    def _fault(self, field: FieldName, code: str, vi: str, en: str) -> Fault:
        told = self.told[field]
        return Fault(f"/{field}", code, Text(f"Cột {told}: {vi}", f"Column {told}: {en}"))


def amount(cell: Cell) -> int:
    """Whole VND: 50000000, 50.000.000, 50,000,000.00; nothing and - are 0. ValueError for anything else."""
    if isinstance(cell, bool):
        raise ValueError("no amount")
    if isinstance(cell, int | float):
        found = int(cell) if cell == cell and abs(cell) <= MOST else -1
        if found != cell:
            raise ValueError("not whole")
    else:
        text = _text(cell).removesuffix("đ").removesuffix("VND").strip()
        if text in ("", "-"):
            return 0
        read = _GROUPED.fullmatch(text)
        if read is None:
            raise ValueError("no amount")
        found = int(re.sub(r"\D", "", read[1]))
    if not 0 <= found <= MOST:
        raise ValueError("out of range")
    return found


def _text(cell: Cell) -> str:
    """What a cell shows; a number that is whole without its decimals."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
