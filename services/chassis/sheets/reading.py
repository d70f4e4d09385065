"""Opens a file by what it holds, not by what it is called."""

from pathlib import Path

from services.chassis.sheets.csv_sheet import CsvSheet
from services.chassis.sheets.sheet import Sheet, Unreadable
from services.chassis.sheets.xlsx_sheet import XlsxSheet

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
MARKUP = (b"<html", b"<!doctype", b"<?xml", b"<table", b"{\\rtf", b"%pdf")


def open_sheet(path: Path) -> Sheet:
    """The file's table. Raises Unreadable."""
    with path.open("rb") as file:
        head = file.read(1024)
        if head.startswith(OLE):
            raise _encrypted() if ENCRYPTED in head + file.read() else _other("Excel 97-2003 (.xls)")
    if not head.strip():
        raise Unreadable("empty", "Tệp rỗng", "The file is empty")
    if head.startswith(b"PK"):
        return XlsxSheet(path)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(MARKUP):
        raise _other("HTML, XML, RTF, PDF …")
    return CsvSheet(path)


def _encrypted() -> Unreadable:
    return Unreadable(
        "password",
        "Tệp có mật khẩu: trong Excel chọn Tệp → Thông tin → Bảo vệ sổ làm việc, bỏ mật khẩu rồi gửi lại",
        "The file has a password: remove it in Excel (File → Info → Protect Workbook) and send it again",
    )


def _other(kind: str) -> Unreadable:
    return Unreadable(
        "other_format",
        f"Tệp là {kind} dù tên là gì: hãy mở bằng Excel và lưu dưới dạng .xlsx",
        f"Whatever its name, the file is {kind}: open it in Excel and save it as .xlsx",
    )
