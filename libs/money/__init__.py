"""Amounts of money without rounding errors, and prices by the hour."""
