"""Columns that the ledger's tables are made of: times with their offset, documents as JSON text, keys.

Documents (blobs, options, messages) have the form of the contracts. Times are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, String, Text, TypeDecorator

D = TypeVar("D")


class Moment(TypeDecorator[datetime]):
    """A time with its offset in Python; UTC in the database, where SQLite keeps no offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value


class Document(TypeDecorator[D], Generic[D]):
    """A struct, or a tuple of them, as JSON text."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: D | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> D | None:
        """From the database."""
        if value is None:
            return None
        document: D = msgspec.json.decode(value, type=self.kind)
        return document


JOB = String(64)
KEY = String(128)
DIGEST = String(64)
SHORT = String(40)
BIG_ID = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only in an INTEGER."""
