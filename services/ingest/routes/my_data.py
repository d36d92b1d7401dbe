"""What users take away, and how they leave."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post, route
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from libs.contracts.errors import InputMissing
from services.ingest.my_data.deletions import Deletion, Deletions, Holdings
from services.ingest.my_data.exports import DataExport, Exports
from services.ingest.parts import Parts
from services.ingest.routes.bodies import AnyRequest
from services.ingest.routes.documents import COMMON, exemplified, file_answers, operation_name, problem
from services.ingest.routes.files import Sent, send_part
from services.ingest.routes.tags import MY_DATA

Meta = msgspec.Meta

NO_EXPORT = problem("There is no such data export.")
MEDIA_TYPE = "application/zip"
LINK_LASTS = timedelta(days=1)

ExportId = Annotated[str, PathParameter(description="The data export's id.")]


class DataExportView(msgspec.Struct, frozen=True, kw_only=True):
    """A data export."""

    id: str
    status: Annotated[str, Meta(description="`waiting` (also while it is made), `ready` or `failed`.")]
    created_at: datetime
    ready_at: datetime | None
    expires_at: Annotated[datetime | None, Meta(description="Until when it can be downloaded.")]
    size: Annotated[int | None, Meta(description="Bytes of the ZIP file.")]
    files: int | None
    missing: Annotated[int | None, Meta(description="Files that were gone already when it was made.")]
    code: Annotated[str | None, Meta(description="Why the last try to make it failed.")]
    download: Annotated[
        str | None,
        Meta(description="Where the ZIP file is; signed, and good for a while, if there is a key to sign."),
    ]


class DataExportList(msgspec.Struct, frozen=True, kw_only=True):
    """All of a user's, the newest first."""

    exports: tuple[DataExportView, ...]


class DeletionOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be deleted: that which was listed."""

    confirm: Annotated[str, Meta(max_length=200, description="From GET /me/deletion.")]
    password: Annotated[
        str, Meta(max_length=1000, description="Your own; nothing on a machine without logins.")
    ] = ""


class DeletionView(msgspec.Struct, frozen=True, kw_only=True):
    """A deletion."""

    id: str
    status: Annotated[str, Meta(description="`stopping`, `erasing` or `done`.")]
    asked_at: datetime
    ended_at: datetime | None
    link: Annotated[str, Meta(description="Where it is followed, without any login.")]


@post(
    "/me/export",
    scope="account",
    status_code=202,
    operation_id="orderDataExport",
    tags=[MY_DATA],
    summary="Ask for all your data",
    description="A ZIP file of everything: what the ledger says of you as JSON, and all files. It is made in the"
    " background; while one is being made, that one is answered.",
    responses={**COMMON, 409: problem("There are too many of them.")},
)
async def order_data_export(parts: NamedDependency[Parts]) -> DataExportView:
    """Ask for all your data."""
    return _view(await _exports(parts).ask(parts.caller, parts.owner), parts)


@get(
    "/me/exports",
    scope="account",
    operation_id="listDataExports",
    tags=[MY_DATA],
    summary="List your data exports",
    description="The newest first; each for 7 days.",
    responses={**COMMON},
)
async def list_data_exports(parts: NamedDependency[Parts]) -> DataExportList:
    """List your data exports."""
    return DataExportList(exports=tuple(_view(one, parts) for one in await _exports(parts).page(parts.owner)))


@get(
    "/me/exports/{data_export_id:str}",
    scope="account",
    operation_id="getDataExport",
    tags=[MY_DATA],
    summary="Look at a data export",
    description="How far it is, and where it can be downloaded.",
    responses={**COMMON, 404: NO_EXPORT},
)
async def get_data_export(data_export_id: ExportId, parts: NamedDependency[Parts]) -> DataExportView:
    """Look at a data export."""
    return _view(await _exports(parts).get(parts.owner, data_export_id), parts)


@delete(
    "/me/exports/{data_export_id:str}",
    scope="account",
    operation_id="deleteDataExport",
    tags=[MY_DATA],
    summary="Delete a data export",
    description="What it was made of stays.",
    responses={**COMMON, 404: NO_EXPORT},
)
async def delete_data_export(data_export_id: ExportId, parts: NamedDependency[Parts]) -> None:
    """Delete a data export."""
    await _exports(parts).remove(parts.caller, parts.owner, data_export_id)


@route(
    "/me/exports/{data_export_id:str}/download",
    http_method=["GET", "HEAD"],
    access="signed",
    scope="account",
    operation_id=operation_name("DataExportArchive"),
    tags=[MY_DATA],
    summary="Download a data export",
    description="A ZIP file, computed as it is sent, and the same each time: takes one byte range, If-Range and"
    " If-None-Match, so that a download that broke off goes on.",
    responses={
        **file_answers("The ZIP file", missing=NO_EXPORT, media_type=MEDIA_TYPE),
        409: problem("It is not ready."),
        410: problem("It has expired."),
    },
)
async def download_data_export(
    request: AnyRequest, data_export_id: ExportId, parts: NamedDependency[Parts]
) -> Response[bytes]:
    """Download a data export."""
    exports = _exports(parts)
    export = await exports.get(parts.owner, data_export_id)
    archive = await exports.open(export)
    if export.digest is None or export.ready_at is None:
        raise InputMissing(export.id)

    async def there() -> bool:
        return True

    sent = Sent(
        size=archive.size,
        digest=export.digest,
        media_type=MEDIA_TYPE,
        name=f"beatloom-{export.ready_at:%Y-%m-%d}.zip",
        read=lambda start, end: exports.read(archive, start, end),
        there=there,
    )
    return await send_part(request, sent)


@get(
    "/me/deletion",
    scope="account",
    operation_id="previewDeletion",
    tags=[MY_DATA],
    summary="See what would be deleted",
    description="All that is yours, counted, with the `confirm` that deletes just that.",
    responses={**COMMON},
)
async def preview_deletion(parts: NamedDependency[Parts]) -> Holdings:
    """See what would be deleted."""
    return await deletions_of(parts).holdings(parts.owner)


@post(
    "/me/deletion",
    scope="account",
    status_code=202,
    operation_id="orderDeletion",
    operation_class=exemplified({"confirm": "3f1c...", "password": "correct horse battery staple"}),
    tags=[MY_DATA],
    summary="Delete everything",
    description="Your account, projects, jobs, videos and all that was made on the way; what runs is cancelled. It"
    " can't be undone. What other users made stays theirs.",
    responses={
        **COMMON,
        401: problem("The password is wrong."),
        409: problem("There is more, or less, by now than was confirmed; or you are the last operator."),
        429: problem("Too many wrong passwords."),
    },
)
async def order_deletion(data: JSONBody[DeletionOrder], parts: NamedDependency[Parts]) -> DeletionView:
    """Delete everything."""
    if parts.accounts is not None:
        await parts.accounts.logins.confirm(parts.caller, data.password)
    return deletion_view(await deletions_of(parts).ask(parts.caller, parts.owner, data.confirm))


@get(
    "/deletions/{deletion_id:str}",
    access="open",
    operation_id="getDeletion",
    tags=[MY_DATA],
    summary="Follow a deletion",
    description="By its id alone, since whoever asked for it can't log in any more. It says nothing of them.",
    responses={**COMMON, 404: problem("There is no such deletion.")},
)
async def get_deletion(
    deletion_id: Annotated[str, PathParameter(description="The deletion's id.")], parts: NamedDependency[Parts]
) -> DeletionView:
    """Follow a deletion."""
    return deletion_view(await deletions_of(parts).get(deletion_id))


def _exports(parts: Parts) -> Exports:
    return Exports(parts.desk.database, parts.store, parts.desk.clock)


def deletions_of(parts: Parts) -> Deletions:
    """All deletions."""
    return Deletions(parts.desk.database, parts.desk.clock)


def _view(export: DataExport, parts: Parts) -> DataExportView:
    path = f"/api/v1/me/exports/{export.id}/download"
    ready = export.status == "ready"
    link = parts.published.signed(path, LINK_LASTS).url if ready and parts.published.signs else path
    told = {name: getattr(export, name) for name in DataExportView.__struct_fields__ if name != "download"}
    return DataExportView(**told, download=link if ready else None)


def deletion_view(deletion: Deletion) -> DeletionView:
    """A deletion as it is told."""
    told = msgspec.structs.asdict(deletion)
    return DeletionView(**told, link=f"/api/v1/deletions/{deletion.id}")


HANDLERS = (
    order_data_export,
    list_data_exports,
    get_data_export,
    delete_data_export,
    download_data_export,
    preview_deletion,
    order_deletion,
    get_deletion,
)
