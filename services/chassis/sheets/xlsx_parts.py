"""The parts of an XLSX file, unpacked and parsed a block at a time, no more kept of them than a table of ours can have.

A few kB of a workbook can stand for gigabytes: whatever is kept is counted while it is unpacked.
"""

import zipfile
from collections.abc import Iterable, Iterator
from io import FileIO
from xml.parsers.expat import ParserCreate

from services.chassis.sheets.sheet import Unreadable

SHEET_BYTES, STRINGS_BYTES, OTHER_BYTES = 2 << 30, 256 << 20, 16 << 20
"""Most that the sheet, the table of strings and each other part may unpack to."""
RATIO = 200
BLOCK, READ_BYTES, TAG_BYTES = 1 << 16, 1 << 20, 4 << 20
MAX_PARTS, PARTS = 10_000, ("parts", "thành phần", "parts")
LONGEST_TEXT = 32_767
"""Characters of a cell, as Excel has it."""
MAX_NAMES, MAX_DEPTH = 1_000, 64
"""Kinds of tags and attributes, and tags within tags: several times what Excel writes."""
_MAIN = ("http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main")
_LINK = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)
_TAGS = ("row", "c", "v", "t", "rPh", "si", "sheet", "workbookPr", "numFmt", "cellXfs", "xf")
_NAMES = {
    **{f"{main} {tag}": tag for main in _MAIN for tag in _TAGS},
    **{f"{link} id": "link" for link in _LINK},
    "http://schemas.openxmlformats.org/package/2006/relationships Relationship": "Relationship",
}
"""Names that matter, by how a parser calls them: of both kinds of Office Open XML (ISO/IEC 29500)."""


class Handler:
    """What is done with the tags and the text of a part."""

    wanted: str | None = None
    """The tag whose text is collected."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.size, self.reading = 0, False

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        """A tag begins. How a text is to be pronounced (rPh) is no part of it."""
        if tag == self.wanted:
            self.reading = True
        elif tag == "rPh":
            self.wanted = None

    def end(self, tag: str) -> None:
        """A tag ends."""
        if tag == self.wanted:
            self.reading = False

    def text(self, piece: str) -> None:
        """Text between tags."""
        if self.reading:
            self.pieces.append(piece)
            self.size += len(piece)
            if self.size > LONGEST_TEXT:
                most = f"{LONGEST_TEXT:,}"
                raise Unreadable(
                    "long_cell",
                    f"Có ô dài hơn {most} ký tự: hãy xóa bớt".replace(",", "."),
                    f"There is a cell longer than {most} characters: shorten it",
                )

    def begin(self, wanted: str) -> None:
        """Collect anew."""
        self.wanted, self.reading, self.size = wanted, False, 0
        self.pieces.clear()


def parse(blocks: Iterable[bytes], handler: Handler) -> Iterator[None]:
    """Hand tags and text over, a block at each step. Raises ExpatError; ValueError for what would only take memory."""
    names, depth, fed = dict(_NAMES), 0, 0
    start, end = handler.start, handler.end

    def opened(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError("tags within tags without end")
        start(tag, attributes)

    def closed(tag: str) -> None:
        nonlocal depth
        depth -= 1
        end(tag)

    parser = ParserCreate("utf-8", " ", intern=names)
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = _no_entities
    for block in blocks:
        if b"\0" in block:
            raise ValueError("not UTF-8")
        parser.Parse(block)
        fed += len(block)
        if fed - parser.CurrentByteIndex > TAG_BYTES:
            raise ValueError("a tag without end")
        if len(names) > len(_NAMES) + MAX_NAMES:
            raise ValueError("too many kinds of tags")
        yield
    parser.Parse(b"", True)
    yield


class File(FileIO):
    """A file of which little is read at once: zipfile would take in a list of a million parts."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > READ_BYTES:
            check_count(size, MAX_PARTS, *PARTS)
        return super().read(READ_BYTES if size is None or size < 0 else size)


def _no_entities(*_: object) -> None:
    raise ValueError("a document type")


def read(parts: zipfile.ZipFile, name: str, handler: Handler, most: int = OTHER_BYTES) -> None:
    """Parse a whole part."""
    check_size(parts, name, most)
    for _ in parse(blocks(parts, name), handler):
        pass


def blocks(parts: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """What a part unpacks to."""
    with parts.open(name) as part:
        while block := part.read(BLOCK):
            yield block


def check_size(parts: zipfile.ZipFile, name: str, most: int) -> None:
    """A part unpacks to as little as it declares; zipfile never unpacks more than that of what Office Open XML allows.

    Of other methods of packing it unpacks a whole block before it looks.
    """
    info = parts.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("packed by another method")
    if info.file_size > most or info.file_size > max(OTHER_BYTES, RATIO * info.compress_size):
        raise Unreadable(
            "unpacks_too_large",
            f"Tệp giải nén ra quá lớn ({name}: {info.file_size >> 20} MiB): hãy chia thành nhiều tệp",
            f"The file unpacks to too much ({name}: {info.file_size >> 20} MiB): split it into several",
        )


def check_count(number: int, most: int, code: str, vi: str, en: str) -> None:
    """No table of ours has more of these. Raises Unreadable."""
    if number > most:
        raise Unreadable(
            f"too_many_{code}",
            f"Tệp có hơn {most:,} {vi}: hãy chép riêng bảng sang một tệp mới rồi gửi lại".replace(",", "."),
            f"The file has more than {most:,} {en}: copy the table alone into a new file and send that",
        )
