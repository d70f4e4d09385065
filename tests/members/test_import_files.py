"""Files as they come: every encoding that is read, and a clear reason for every one that is not."""

import random
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from services.chassis.sheets.headings import Plan
from services.chassis.sheets.reading import open_sheet
from services.chassis.sheets.sheet import MAX_ROWS, Sheet, Unreadable
from services.members.imports import mapping
from tests.members.files import HEADINGS, as_csv, as_xlsx, people, person
from tests.members.importing import imported

PEOPLE = people(1, 2)
TCVN3 = "STT;Hä vµ tªn;Ngµy sinh;Chi héi;Ngµy vµo Héi\n1;NguyÔn ThÞ MÉu;1980;Khu 1;2020\n"
VNI = "STT;Hoï vaø teân;Ngaøy sinh;Chi hoäi;Ngaøy vaøo Hoäi\n1;Nguyeãn Thò Maãu;1980;Khu 1;2020\n"
TONES = "\u0300\u0301\u0303\u0309\u0323"
NFD = unicodedata.normalize("NFD", "Mẫu").encode()
SHEET = "xl/worksheets/sheet1.xml"


def windows_1258(text: str) -> bytes:
    """Vietnamese as Windows-1258 has it: tones stand after their letter."""
    made = ""
    for letter in text:
        marks = unicodedata.normalize("NFD", letter)
        tone = "".join(mark for mark in marks if mark in TONES)
        made += unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in TONES)) + tone
    return made.encode("cp1258")


def table(text: str) -> list[list[str]]:
    """Cells of semicolon-separated text."""
    return [line.split(";") for line in text.splitlines()]


def changed(content: bytes, name: str, part: bytes) -> bytes:
    """A workbook with one part replaced."""
    file = BytesIO()
    old = zipfile.ZipFile(BytesIO(content))
    with old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for info in old.infolist():
            new.writestr(info.filename, part if info.filename == name else old.read(info))
    return file.getvalue()


def million() -> bytes:
    """A sheet of one row too many."""
    chance = random.Random(1)
    rows = (f'<row r="{n}"><c r="A{n}"><v>{chance.random()}</v></c></row>' for n in range(1, MAX_ROWS + 3))
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return changed(as_xlsx(PEOPLE), SHEET, f"{head}{''.join(rows)}</sheetData></worksheet>".encode())


@contextmanager
def opened(path: Path, content: bytes) -> Iterator[tuple[Sheet, Plan]]:
    """The file as the importer opens it."""
    path.write_bytes(content)
    sheet = open_sheet(path)
    try:
        yield sheet, mapping.plan(sheet, {}, None)
    finally:
        sheet.close()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (as_csv(PEOPLE), "utf-8-sig"),
        (as_csv(PEOPLE, ";", "utf-8"), "utf-8"),
        (as_csv(PEOPLE, "\t", "utf-16"), "utf-16"),
        (as_csv(PEOPLE, ",", "utf-16-be").join([b"\xfe\xff", b""]), "utf-16"),
        (windows_1258(as_csv(PEOPLE, ";", "utf-8").decode()), "cp1258"),
        (as_csv(PEOPLE).replace(b"\r\n", b"\r"), "utf-8-sig"),
        (as_csv([["DANH SÁCH"], [], *PEOPLE], ";"), "utf-8-sig"),
        (
            as_csv(PEOPLE, "\t", "utf-8").replace(b"M\xe1\xba\xabu", unicodedata.normalize("NFD", "Mẫu").encode()),
            "utf-8",
        ),
        (as_xlsx([["DANH SÁCH"], [], *PEOPLE], "A1:H1"), "utf-8"),
    ],
)
def test_every_usual_encoding_and_delimiter_is_read(tmp_path: Path, content: bytes, encoding: str) -> None:
    """Headings are found and understood, rows are counted and numbered, whatever the file's dress."""
    with opened(tmp_path / "file", content) as (sheet, plan):
        assert sheet.encoding == encoding
        assert [column.field for column in plan.columns] == [
            *(None, "name", "birth_date", "ethnicity", "branch", "joined_on", "core", "kind"),
        ]
        assert sheet.filled - plan.filled_above == 2
        rows = [row for row in sheet.rows() if row.number > plan.heading]
        assert [row.number - plan.heading for row in rows] == [1, 2]
        assert unicodedata.normalize("NFC", str(rows[1].cells[1])) == "Hội viên Mẫu 2"


CASES: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "empty": (lambda: b"", "empty", "rỗng"),
    "blank": (lambda: b" \n\n", "empty", "rỗng"),
    "no rows": (lambda: as_xlsx([]), "empty", "không có dòng"),
    "TCVN3 bytes": (lambda: TCVN3.encode("cp1252"), "tcvn3_font", "TCVN3"),
    "TCVN3 as Unicode": (TCVN3.encode, "tcvn3_font", "UniKey"),
    "TCVN3 in a workbook": (lambda: as_xlsx(table(TCVN3)), "tcvn3_font", "UniKey"),
    "TCVN3 under good headings": (
        lambda: as_xlsx([HEADINGS, *(person(n, c1="NguyÔn ThÞ ¸nh V©n") for n in range(3))]),
        "tcvn3_font",
        "UniKey",
    ),
    "VNI bytes": (lambda: VNI.encode("cp1252"), "vni_font", "VNI-Times"),
    "VNI in a workbook": (lambda: as_xlsx(table(VNI)), "vni_font", "VNI-Times"),
    "broken UTF-8": (lambda: as_csv(PEOPLE, encoding="utf-8") + b"\xff", "encoding", "hỏng ở byte"),
    "no encoding": (lambda: as_csv(PEOPLE, encoding="utf-8")[:3] + b"\x8d\x9d;\xff", "encoding", "bảng mã"),
    "broken UTF-16": (lambda: b"\xff\xfe" + "Họ và tên\n".encode("utf-16-le") + b"\x00\xd8a", "encoding", "bảng mã"),
    "binary": (lambda: b"\x7fELF\0\0", "not_text", "không phải CSV"),
    "open quote": (lambda: as_csv(PEOPLE) + b'3,"x\n4,y\n', "csv", "Dòng"),
    "long cell": (lambda: as_csv([*PEOPLE, person(3, c1="x" * 20_000)]), "csv", "Dòng"),
    "no headings": (lambda: as_csv([["a", "b"], ["1", "2"]]), "no_headings", "tiêu đề"),
    "missing columns": (lambda: as_csv([["Họ tên", "Ngày sinh"]]), "missing_columns", "Ngày vào Hội, Chi hội"),
    "duplicate headings": (lambda: as_csv([[*HEADINGS, "Họ tên"]]), "duplicate_headings", "B «Họ và tên», I «Họ tên»"),
    "too many columns": (lambda: as_xlsx([[*HEADINGS, *["x"] * 300]]), "too_many_columns", "200"),
    "merged": (lambda: as_xlsx(PEOPLE, "B2:B3"), "merged_cells", "B2:B3"),
    "formula": (lambda: as_xlsx([*PEOPLE, person(3, c2="=DATE(1980,3,8)")]), "formula", "C4"),
    "password": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2048 + "EncryptedPackage".encode("utf-16-le"),
                 "password", "mật khẩu"),
    "xls": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"Workbook", "other_format", ".xls"),
    "html": (lambda: b"\xef\xbb\xbf <HTML><table>", "other_format", "HTML"),
    "pdf": (lambda: b"%PDF-1.7", "other_format", "PDF"),
    "other zip": (lambda: changed(as_xlsx(PEOPLE), "", b"").replace(b"xl/workbook.xml", b"word/documents1"), "not_xlsx",
                  "không phải XLSX"),
    "cut workbook": (lambda: as_xlsx(PEOPLE)[:-200], "malformed", "hỏng"),
    "broken workbook": (lambda: changed(as_xlsx(PEOPLE), SHEET, b"<worksheet><sheetData><row r='1'><c>"), "malformed",
                        "hỏng"),
    "zip bomb": (lambda: changed(as_xlsx(PEOPLE), SHEET, b" " * (40 << 20)), "unpacks_too_large", "40 MiB"),
    "bomb beside": (lambda: changed(as_xlsx(PEOPLE), "xl/styles.xml", random.Random(1).randbytes(17 << 20)),
                    "unpacks_too_large", "xl/styles.xml"),
    "a million and one": (lambda: b"Ho ten,Chi hoi,Ngay vao hoi\n" + b"a,b,2020\n" * (MAX_ROWS + 1), "too_many_rows",
                          "1.000.000"),
    "a million and one in a workbook": (million, "too_many_rows", "1.000.000"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str) -> None:
    """Each kind of broken file has its own code, and says in both languages what to do."""
    make, code, said = CASES[name]
    with pytest.raises(Unreadable) as refused, opened(tmp_path / "file", make()) as (sheet, _):
        for _row in sheet.rows():
            pass
    assert refused.value.fault.code == code
    assert said in refused.value.fault.message.vi
    assert refused.value.fault.message.en


def test_a_million_rows_are_taken(tmp_path: Path) -> None:
    """The limit itself is allowed."""
    with opened(tmp_path / "file", b"Ho ten,Chi hoi,Ngay vao hoi\n" + b"a,b,2020\n" * MAX_ROWS) as (sheet, plan):
        assert sheet.filled - plan.filled_above == MAX_ROWS


def test_formulas_with_their_results_and_titles_in_merged_cells_are_fine(tmp_path: Path) -> None:
    """Only what stands in the table counts; a formula that Excel has computed is its value, even if that is empty."""
    with zipfile.ZipFile(BytesIO(as_xlsx(PEOPLE))) as parts:
        xml = parts.read(SHEET).decode()
    found = xml.replace('<c r="A2" t="n"><v>1</v></c>', '<c r="A2"><f>0+1</f><v>1</v></c>')
    found = found.replace('<c r="A3" t="n"><v>2</v></c>', '<c r="A3" t="str"><f>""</f><v></v></c>')
    assert found.count("<f>") == 2
    with opened(tmp_path / "file", changed(as_xlsx(PEOPLE), SHEET, found.encode())) as (sheet, _):
        assert [row.cells[0] for row in sheet.rows()][1:] == [1, None]


@pytest.mark.usefixtures("importer")
async def test_a_refused_file_says_so_to_its_sender(members: httpx.AsyncClient) -> None:
    """Nothing of it is enrolled; the reason is in the language of whoever asks."""
    body = await imported(members, TCVN3.encode("cp1252"))
    assert (body["state"], body["rows_done"], body["faults"][0]["code"]) == ("refused", 0, "tcvn3_font")
    read = await members.get(f"/v1/imports/{body['id']}", headers={"accept-language": "en"})
    assert read.json()["faults"][0]["message"].startswith("The file is typed in TCVN3")
    assert (await members.get("/v1/members")).json()["items"] == []
