"""What data exports keep from being removed."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.my_data.tables import data_export_blobs


async def held(connection: AsyncConnection, digests: Collection[str]) -> set[str]:
    """Those of the digests that a data export needs."""
    query = sa.select(data_export_blobs.c.sha256).where(data_export_blobs.c.sha256.in_(digests))
    return set((await connection.execute(query)).scalars())
