"""XLSX files made of their parts, as no program writes them."""

import zipfile
from collections.abc import Mapping
from io import BytesIO

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
SHEET, STRINGS, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"


def part(tag: str, inside: str) -> str:
    """A part of a workbook."""
    return f'<{tag} xmlns="{MAIN}" xmlns:r="{LINKS}">{inside}</{tag}>'


def relations(*kinds: str) -> str:
    """The relations of a workbook to its parts, 1, 2 …"""
    targets = {"worksheet": "worksheets/sheet1.xml", "styles": "/xl/styles.xml", "sharedStrings": "sharedStrings.xml"}
    links = (
        f'<Relationship Id="{n}" Type="{LINKS}/{kind}" Target="{targets[kind]}"/>' for n, kind in enumerate(kinds, 1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{"".join(links)}</Relationships>'


def sheet(rows: str, below: str = "") -> str:
    """A sheet of rows."""
    return part("worksheet", f"<sheetData>{rows}</sheetData>{below}")


PARTS: dict[str, str | bytes] = {
    "[Content_Types].xml": "<Types/>",
    WORKBOOK: part("workbook", '<sheets><sheet r:id="1"/></sheets>'),
    RELATIONS: relations("worksheet", "styles", "sharedStrings"),
    SHEET: sheet("<row><c><v>1</v></c></row>"),
    STYLES: part("styleSheet", ""),
    STRINGS: part("sst", ""),
}


def workbook(parts: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A workbook with some parts of its own."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", method, compresslevel=1) as new:
        for name, content in {**PARTS, **parts}.items():
            new.writestr(name, content)
    return file.getvalue()


def strings(inside: str) -> dict[str, str]:
    """A table of strings."""
    return {STRINGS: part("sst", inside)}
