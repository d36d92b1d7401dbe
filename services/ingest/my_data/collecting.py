"""Reading all that the ledger holds of a user: lines of JSON for each table, and the blobs that they name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.artifacts import Blob
from services.ingest.database import Database
from services.ingest.my_data.holdings import HOLDINGS, exported_tables, shown_of
from services.ingest.my_data.paths import blobs_of, path_of

_ROWS = 500
_FIRST = ("projects", "takes", "exports", "characters", "uploads", "runs")
"""Tables by which files are called; what several name is called by the first of them."""

Row = Mapping[str, Any]


class Wanted(NamedTuple):
    """A file of the export: where it shall stand, and its bytes."""

    path: str
    blob: Blob


class Collected(msgspec.Struct):
    """What the ledger holds of a user."""

    documents: dict[str, Path]
    """Files of JSON lines by their paths in the export."""
    wanted: dict[str, Wanted]
    """Blobs by digest."""
    unseen: set[str]
    """Digests that are kept for the user's projects, and that no row tells more of."""
    projects: list[Row]
    videos: list[Row]


async def collect(database: Database, owner: str, folder: Path, beat: Callable[[], Any]) -> Collected:
    """Read it, table by table, into files in `folder`. beat: awaited now and then."""
    found = Collected(documents={}, wanted={}, unseen=set(), projects=[], videos=[])
    tables = exported_tables()
    order = {name: place for place, name in enumerate(_FIRST)}
    async with database.read() as connection:
        for table in sorted(tables, key=lambda table: order.get(table.name, len(order))):
            path = folder / f"{table.name}.jsonl"
            with path.open("wb") as lines:
                async for rows in read_rows(connection, table, owner):
                    _take(found, table.name, rows, lines)
                    await beat()
            if path.stat().st_size:
                found.documents[f"data/{path.name}"] = path
    found.unseen -= found.wanted.keys()
    return found


async def read_rows(connection: AsyncConnection, table: sa.Table, owner: str) -> AsyncIterator[list[Row]]:
    """The user's rows of a table as plain data, without what is secret, some at a time."""
    holding = HOLDINGS[table.name]
    columns = [column for column in table.c if column.name not in holding.secret]
    key = [*table.primary_key]
    query = sa.select(*columns).where(shown_of(table, owner)).order_by(*key).limit(_ROWS)
    rows: Sequence[sa.RowMapping] = (await connection.execute(query)).mappings().all()
    while rows:
        yield [_shown(_plain(row, holding.documents), owner) for row in rows]
        last = [sa.literal(rows[-1][column.name], column.type) for column in key]
        more = query.where(sa.tuple_(*key) > sa.tuple_(*last))
        rows = (await connection.execute(more)).mappings().all()


def _take(found: Collected, table: str, rows: list[Row], lines: BinaryIO) -> None:
    for row in rows:
        lines.write(msgspec.json.encode(row) + b"\n")
        for named in blobs_of(row):
            found.wanted.setdefault(named.blob.sha256, Wanted(path_of(table, row, named), named.blob))
    match table:
        case "projects":
            found.projects += rows
        case "exports":
            found.videos += rows
        case "artifact_references":
            found.unseen.update(row["sha256"] for row in rows)


def _shown(row: dict[str, Any], owner: str) -> dict[str, Any]:
    """A line of the audit log that an operator has written tells nothing of them."""
    return row | {"actor": "operator", "address": ""} if row.get("actor", owner) != owner else row


def _plain(row: sa.RowMapping, documents: Collection[str]) -> dict[str, Any]:
    """What JSON can say of a row. documents: columns whose text is JSON already."""
    return {
        name: msgspec.json.decode(value) if name in documents else msgspec.to_builtins(value)
        for name, value in row.items()
    }
