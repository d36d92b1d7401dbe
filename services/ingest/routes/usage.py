"""How much space one's own files take."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency

from services.ingest.keeping.quota import taken
from services.ingest.keeping.reasons import Reason
from services.ingest.parts import Parts, now
from services.ingest.routes.documents import COMMON

Meta = msgspec.Meta

FileKind = Literal["videos", "takes", "documents", "sources", "stills", "uploads"]

_KINDS: MappingProxyType[Reason | None, FileKind] = MappingProxyType(
    {
        "output": "videos",
        "take": "takes",
        "work": "documents",
        "source": "sources",
        "still": "stills",
        None: "uploads",
    }
)


class SpaceView(msgspec.Struct, frozen=True, kw_only=True):
    """What files of one kind take."""

    kind: Annotated[
        FileKind,
        Meta(
            description="`videos` with what comes with them, `takes`, `documents` and sound of projects,"
            " `sources` that were sent for them, reference `stills`, `uploads` that wait."
        ),
    ]
    files: int
    bytes: int


class UsageView(msgspec.Struct, frozen=True, kw_only=True):
    """What your files take. A file that is used several times counts once."""

    bytes: int
    quota_bytes: Annotated[int | None, Meta(description="What they may take; null: as much as there is.")]
    kinds: Annotated[tuple[SpaceView, ...], Meta(description="The largest first.")]


@get(
    "/me/usage",
    operation_id="getUsage",
    tags=["Accounts"],
    summary="See how much space your files take",
    description="In bytes, by kind. Deleting a project frees what no other project of yours needs.",
    responses={**COMMON},
)
async def get_usage(parts: NamedDependency[Parts]) -> UsageView:
    """See how much space your files take."""
    desk = parts.desk
    async with desk.database.read() as connection:
        found = await taken(connection, parts.owner, now())
    return UsageView(
        bytes=sum(one.size for one in found),
        quota_bytes=desk.quota.most,
        kinds=tuple(SpaceView(kind=_KINDS[one.reason], files=one.files, bytes=one.size) for one in found),
    )


HANDLERS = (get_usage,)
