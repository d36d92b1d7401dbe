"""Amounts of money: whole millionths of the currency, so that sums are exact."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

Micros = int
"""Millionths of the currency of the settings."""

_SCALE = Decimal(1_000_000)


def micros_of(amount: float | Decimal) -> Micros:
    """The nearest whole millionth."""
    exact = amount if isinstance(amount, Decimal) else Decimal(repr(amount))
    return int((exact * _SCALE).to_integral_value(rounding=ROUND_HALF_EVEN))


def amount_of(micros: Micros) -> float:
    """The amount in the currency, for JSON and people."""
    return float(Decimal(micros) / _SCALE)


def text_of(micros: Micros) -> str:
    """The amount as it is read: no more digits than it has."""
    return f"{Decimal(micros) / _SCALE:f}"
