"""Lists: an opaque cursor, a bounded limit, and text folded for search."""

import json
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query, Response
from pydantic import BaseModel
from pydantic_core import to_json

from services.chassis.errors import invalid

MAX = 500
Item = TypeVar("Item", bound=BaseModel)
Row = TypeVar("Row")
Limit = Annotated[int, Query(ge=1, le=MAX, description="Items a page, at most 500.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]


class Page(BaseModel, Generic[Item]):
    """One page: `items`, and `next_cursor` while there is more."""

    items: list[Item]
    next_cursor: str | None = None


def after(cursor: str | None, *kinds: Callable[[str], Any]) -> tuple[Any, ...] | None:
    """The keys a cursor holds, each read by its kind (`str`, `UUID`, `date.fromisoformat` …); 422 if it is not ours."""
    if cursor is None:
        return None
    try:
        keys = json.loads(urlsafe_b64decode(cursor.encode()))
        return tuple(_fitting(kind(key)) for kind, key in zip(kinds, keys, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise invalid("query:cursor", "cursor", "Con trỏ trang không hợp lệ", "Not a cursor of this list") from None


def _fitting(key: Any) -> Any:
    """The key, if a column takes it: text without NUL or half a character, a number of 64 bits."""
    if isinstance(key, int):
        key.to_bytes(8, signed=True)
    elif isinstance(key, str) and b"\0" in key.encode():
        raise ValueError("a NUL")
    return key


def cursor_of(*keys: object) -> str:
    """An opaque cursor that stands after these keys."""
    return urlsafe_b64encode(json.dumps([str(key) for key in keys]).encode()).decode()


def page_of(
    rows: Sequence[Row], limit: int, key: Callable[[Row], tuple[object, ...]]
) -> tuple[Sequence[Row], str | None]:
    """Cut `limit + 1` rows to a page and its `next_cursor`."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor_of(*key(rows[limit - 1]))


def answer(items: Sequence[dict[str, Any]], next_cursor: str | None) -> Response:
    """A `Page` as it leaves, of rows as the database holds them: a model of each would cost thrice that."""
    return Response(to_json({"items": items, "next_cursor": next_cursor}), media_type="application/json")


def fold(text: str) -> str:
    """Lower case without Vietnamese marks: `Nguyễn Thị Hoà` and `Hòa` fold alike, to `nguyen thi hoa`."""
    plain = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())
