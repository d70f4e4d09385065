"""What a cell says: dates, ethnic groups, units, yes and no, as officers write them."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple
from unicodedata import normalize

from contracts import ethnicities, units
from services.chassis.errors import Text
from services.chassis.paging import fold
from services.chassis.sheets.headings import Column
from services.chassis.sheets.sheet import Cell, Row

EXCEL_EPOCH = date(1899, 12, 30)
LONGEST_WORD = 200
"""Characters of what is remembered, so that memories stay small."""
YEARS = range(1900, 2101)
LAST_SERIAL = 2_958_465
CELL_ERRORS = {"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"}
YES, NO = {"x", "co", "1", "true", "yes", "y", "v", "dung"}, {"", "khong", "0", "false", "no", "n", "sai"}
KINDS = {
    **dict.fromkeys(("hoivien", "thuong", "hoivienthuong", "chinhthuc", "hoivienchinhthuc", "ordinary"), "ordinary"),
    **dict.fromkeys(("danhdu", "hoiviendanhdu", "honorary"), "honorary"),
}
OTHER_NAMES = {"mong": "08", "hmong": "08", "khmer": "05", "cholo": "43"}
_KIND_OF_UNIT = re.compile(r"^(xa|phuong|dac khu|thi tran|p\.|x\.|tt\.) ?")
_LOCAL = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[T ][0-9:.]+)?")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ][0-9:.]+)?")


class Wrong(Exception):
    """A cell that cannot be understood."""

    def __init__(self, code: str, vi: str, en: str) -> None:
        self.code, self.text = code, Text(vi, en)
        super().__init__(en)


class Mistake(NamedTuple):
    """What is wrong with one field of a row."""

    code: str
    text: Text


@dataclass
class Draft:
    """A row on its way to be enrolled: `item` as POST /v1/members takes it, `faults` by field."""

    number: int
    item: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, Mistake] = field(default_factory=dict)
    unit: str | None = None
    branch: str = ""
    group: str = ""
    household: str = ""
    citizen: bytes | None = None
    """What finds the citizen number."""
    key: bytes | None = None
    """What makes her the same person as another row's."""

    def wrong(self, name: str, code: str, vi: str, en: str) -> None:
        """Note a fault. The field then holds what no rule accepts, so the row cannot be enrolled."""
        self.faults[name] = Mistake(code, Text(vi, en))
        self.item["branch" if name == "unit" else name] = {}


def draft(row: Row, columns: Sequence[Column], places: "Units") -> Draft:
    """Read a row. Branch, group and household remain as written: only the database knows them."""
    made = Draft(row.number)
    for column, cell in zip(columns, row.cells, strict=False):
        name = column.field
        if name is None or cell is None or cell == "":
            continue
        try:
            _read(made, name, cell, places)
        except Wrong as error:
            made.wrong(name, error.code, *error.text)
    return made


def _read(made: Draft, name: str, cell: Cell, places: "Units") -> None:
    written = text(cell)
    if written in CELL_ERRORS:
        raise Wrong("cell_error", f"Ô báo lỗi {written}", f"The cell is in error: {written}")
    if not written:
        return
    if name == "unit":
        made.unit = places.find(written)
    elif name in ("branch", "group", "household"):
        setattr(made, name, written)
    elif name == "birth_date":
        _born(made, day(written))
    else:
        made.item[name] = READERS[name](written)


def _born(made: Draft, born: date | int) -> None:
    if isinstance(born, date):
        made.item["birth_date"] = born
    elif made.item.setdefault("birth_year", born) != born:
        raise Wrong("birth_year", "Năm sinh khác với ngày sinh", "Differs from the birth year")


def text(cell: Cell) -> str:
    """A cell as text, composed (NFC), without space around it; whole numbers without a decimal point."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return " ".join(normalize("NFC", str(cell)).split())


def day(written: str) -> date | int:
    """A date, or a year alone: dd/mm/yyyy, dd-mm-yyyy, dd.mm.yyyy, yyyy-mm-dd, yyyy, an Excel serial. Raises Wrong."""
    found = _day(written) if len(written) <= LONGEST_WORD else None
    if found is None:
        raise Wrong(
            "date", "Không hiểu ngày này: viết ngày/tháng/năm, ví dụ 08/03/1980", "Not a date: write day/month/year"
        )
    return found


@lru_cache(maxsize=16_384)
def _day(written: str) -> date | int | None:
    if match := _LOCAL.fullmatch(written):
        days, months, years = map(int, match.groups())
    elif match := _ISO.fullmatch(written):
        years, months, days = map(int, match.groups())
    elif written.isascii() and written.isdigit() and len(written) <= 7:
        number = int(written)
        if number in YEARS:
            return number
        return EXCEL_EPOCH + timedelta(number) if YEARS[-1] < number <= LAST_SERIAL else None
    else:
        return None
    try:
        return date(years, months, days)
    except ValueError:
        return None


def year(written: str) -> int:
    """A year, of a whole date too."""
    found = day(written)
    return found if isinstance(found, int) else found.year


def joined(written: str) -> date:
    """A date; a year alone is its first day."""
    found = day(written)
    return date(found, 1, 1) if isinstance(found, int) else found


@lru_cache(maxsize=4_096)
def ethnicity(written: str) -> str:
    """The code (list of 1979) of an ethnic group given by code or by name."""
    if written.isascii() and written.isdigit():
        return written.zfill(2)
    names = _ethnic_names()
    squeezed = squeeze(written)
    if code := names.get(squeezed):
        return code
    near = [ethnicities.groups()[ethnicities.SYSTEM, names[name]].name for name in close(squeezed, names)]
    raise Wrong("unknown", f"Không có dân tộc này{_say(near, 'vi')}", f"No such ethnic group{_say(near, 'en')}")


@lru_cache(maxsize=1)
def _ethnic_names() -> dict[str, str]:
    groups = ethnicities.groups().items()
    listed = {squeeze(group.name): code for (system, code), group in groups if system == ethnicities.SYSTEM}
    return {**OTHER_NAMES, **listed}


def yes(written: str) -> bool:
    """Yes or no: x, có, 1 …; không, 0 …"""
    word = squeeze(written)
    if word in YES or word in NO:
        return word in YES
    raise Wrong("yes_or_no", "Viết x hoặc Có, hay để trống", "Write x or yes, or leave empty")


def kind(written: str) -> str:
    """`ordinary` or `honorary`."""
    if found := KINDS.get(squeeze(written)):
        return found
    raise Wrong("kind", "Viết Hội viên hoặc Danh dự", "Write ordinary or honorary")


def citizen_number(written: str) -> str:
    """Digits alone. Of 10 or 11 a spreadsheet dropped the zeros in front: no code of a province is 000."""
    digits = re.sub(r"[\s.'-]", "", written)
    return digits.zfill(12) if re.fullmatch(r"[0-9]{10,11}", digits) else digits


def phone(written: str) -> str:
    """As written, with the zero in front that a spreadsheet dropped."""
    return f"0{written}" if re.fullmatch(r"[1-9][0-9]{8,9}", written) else written


READERS: dict[str, Callable[[str], object]] = {
    "name": str,
    "birth_year": year,
    "citizen_number": citizen_number,
    "phone": phone,
    "card_number": str,
    "ethnicity": ethnicity,
    "joined_on": joined,
    "kind": kind,
    "core": yes,
}
"""How the text of a cell is read, by field."""


def squeeze(written: str) -> str:
    """Folded letters and digits alone: H'Mông is hmong."""
    return _squeezed(written[:LONGEST_WORD])


@lru_cache(maxsize=4_096)
def _squeezed(written: str) -> str:
    return re.sub(r"[^0-9a-z]", "", fold(re.sub(r"\(.*?\)", "", written)))


def close(word: str, words: Iterable[str]) -> list[str]:
    """At most three words like this one."""
    return get_close_matches(word, list(words), 3, 0.6)


def _say(near: Sequence[str], language: str) -> str:
    lead = "; gần giống" if language == "vi" else "; close to it"
    return f"{lead}: {', '.join(near)}" if near else ""


def unknown(vi: str, en: str, near: Sequence[str]) -> tuple[str, str, str]:
    """Code and texts of something that does not exist, naming what is like it."""
    return "unknown", vi + _say(near, "vi"), en + _say(near, "en")


class Units:
    """The communes a caller reaches, by code and name, of today and of before 2025-07-01.

    `went`: where units of before went by plans that are applied, by key; of others the lineage tells it.
    """

    def __init__(self, reach: frozenset[str], went: Mapping[str, Collection[str]]) -> None:
        self.communes = {code: unit for code, unit in units.current().items() if code in reach and unit.parent}
        self.only = next(iter(self.communes)) if len(self.communes) == 1 else None
        self.names: dict[str, set[str]] = defaultdict(set)
        self.old: dict[str, set[str]] = defaultdict(set)
        for code, unit in self.communes.items():
            self._call(self.names, unit.name, code)
            for pair in units.predecessors(code):
                if pair.legacy.key not in went:
                    self._call_old(pair.legacy, code)
        for key, codes in went.items():
            for code in self.communes.keys() & codes:
                self._call_old(units.known()[key], code)
        self.known: dict[str, str | Wrong] = {}

    def _call(self, names: dict[str, set[str]], name: str, code: str) -> None:
        folded = fold(name)
        for each in {folded, _KIND_OF_UNIT.sub("", folded)} - {""}:
            names[each].add(code)

    def _call_old(self, unit: units.Unit, code: str) -> None:
        for name in (unit.name, unit.code, unit.key):
            self._call(self.old, name, code)

    def find(self, written: str) -> str:
        """The code of a commune given by code, key or name, aliases and old ones included. Raises Wrong."""
        found = self.known.get(written)
        if found is None:
            try:
                found = self._find(written)
            except Wrong as error:
                found = error
            if len(self.known) < 10_000 and len(written) <= LONGEST_WORD:
                self.known[written] = found
        if isinstance(found, Wrong):
            raise found
        return found

    def _find(self, written: str) -> str:
        found: Set[str]
        if written.isascii() and written.isdigit():
            code = written.zfill(5)
            unit = units.find(code)
            found = {unit.code} & self.communes.keys() if unit else self.old.get(code, set())
        else:
            folded = fold(written)
            bare = _KIND_OF_UNIT.sub("", folded)
            tried = ((names, word) for word in (folded, bare) for names in (self.names, self.old))
            found = next((names[word] for names, word in tried if word in names), set())
        if len(found) == 1:
            return next(iter(found))
        if found:
            names = [f"{code} {self.communes[code].name}" for code in sorted(found)]
            raise Wrong(
                "ambiguous", f"Có thể là: {', '.join(names)}; viết mã xã", f"May be {', '.join(names)}: write the code"
            )
        near = [self.communes[code].name for name in close(fold(written), self.names) for code in self.names[name]]
        raise Wrong(*unknown("Không có xã, phường này trong phạm vi", "No such commune in reach", near))
