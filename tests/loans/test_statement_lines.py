"""How the bank's file may write an amount."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.sheets.sheet import Cell
from services.loans.statements.lines import MOST, amount


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        *((None, 0), ("", 0), (" - ", 0), (0, 0), (7.0, 7), ("0", 0), ("12345678", 12_345_678)),
        *(("1.234.567", 1_234_567), ("1,234,567.00", 1_234_567), ("1 234 567 đ", 1_234_567), ("1.000", 1_000)),
        *(("500,0", 500), ("1\u00a0000", 1_000), (str(MOST), MOST)),
    ],
)
def test_an_amount_is_read(cell: Cell, expected: int) -> None:
    """Plain, grouped by point, comma or space, with decimals of nothing, with its currency; empty is nothing."""
    assert amount(cell) == expected


@pytest.mark.parametrize(
    "cell",
    ["-1", -1, 0.5, "0,5", "1.23.456", "1.234,567", "1,234 567", "12.3456", "ba", True, float("nan"), float("inf")],
)
def test_what_is_no_amount_is_refused(cell: Cell) -> None:
    """Below nothing, parts of a đồng, groups that are none, words: no guess is made."""
    with pytest.raises(ValueError, match=r"amount|whole|range"):
        amount(cell)


@given(st.integers(0, MOST), st.sampled_from([".", ",", " "]))
def test_a_grouped_amount_is_the_number_it_groups(number: int, separator: str) -> None:
    """Whatever separates its thousands."""
    assert amount(f"{number:,}".replace(",", separator)) == number


@given(st.integers(MOST + 1, 10**30))
def test_too_much_is_refused(number: int) -> None:
    """More than a ledger can hold."""
    for cell in (number, str(number), float(number)):
        with pytest.raises(ValueError, match=r"whole|range"):
            amount(cell)
