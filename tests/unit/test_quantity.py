"""Quantities are read as Kubernetes reads them."""

from decimal import Decimal

import pytest

from hotupgrade_operator.quantity import parsed, total


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1Gi", "1073741824"),
        ("1073741824", "1073741824"),
        ("100m", "0.1"),
        ("0.1", "0.1"),
        (".5", "0.5"),
        ("5.", "5"),
        (2, "2"),
        ("2e9", "2000000000"),
        ("12E3", "12000"),
        ("1E", "1000000000000000000"),
        ("1k", "1000"),
        ("500n", "0.0000005"),
    ],
)
def test_amount_is_the_same_however_it_is_written(text: str | int, value: str) -> None:
    assert parsed(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "x", "1x", "Gi", "1ki", "e3", "1 Gi", "1e999999"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read the quantity"):
        parsed(text)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("1", "20m", "1020m"),
        ("1Gi", "96Mi", "1174405120"),
        ("900m", "100m", "1"),
        ("1n", "0", "1m"),
    ],
)
def test_sum_is_whole_or_in_thousandths(first: str, second: str, expected: str) -> None:
    assert total(first, second) == expected
