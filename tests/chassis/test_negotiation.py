"""Which media type a caller would rather have."""

import pytest

from services.chassis.errors import NotAcceptable
from services.chassis.negotiation import media_type_of

PAGE, BOOK = "application/pdf", "application/vnd.sheet"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", PAGE),
        ("*/*", PAGE),
        ("application/*", PAGE),
        (BOOK, BOOK),
        (f"{PAGE};q=0.5, {BOOK}", BOOK),
        (f"{PAGE}; q=0.5, {BOOK}; q=0.4", PAGE),
        (f"text/html, {BOOK.upper()};version=1, */*;q=0.1", BOOK),
        (f"{PAGE};q=0, */*", BOOK),
        (f"{PAGE};q=x, application/*;q=0.1", BOOK),
        ("text/html, */*;q=0.8", PAGE),
    ],
)
def test_the_one_with_the_most_weight_is_chosen(accept: str, chosen: str) -> None:
    """The most specific range says a type's weight; the first offered wins a tie."""
    assert media_type_of(accept, PAGE, BOOK) == chosen


@pytest.mark.parametrize("accept", ["text/html", "application/json, text/*", f"{PAGE};q=0", "*/*;q=0", ","])
def test_none_of_them_is_a_406(accept: str) -> None:
    """Which names what there is."""
    with pytest.raises(NotAcceptable) as refused:
        media_type_of(accept, PAGE, BOOK)
    assert refused.value.detail is not None
    assert PAGE in refused.value.detail.vi
    assert BOOK in refused.value.detail.en
