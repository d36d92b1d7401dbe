"""From what a client wishes of a project to the columns that say so: files looked up, options checked."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from msgspec import UNSET

from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent
from libs.contracts.jobs import check_style
from libs.contracts.projects import BrandKit, ProjectSettings
from libs.media.frames import parse_fps
from services.ingest.access.callers import Caller
from services.ingest.projects.bodies import SETTINGS, BrandKitBody, ProjectBody
from services.ingest.projects.editing import refuse_narrated
from services.ingest.projects.records import NewProject, Project
from services.ingest.projects.store import Projects
from services.ingest.texts import check_text
from services.ingest.uploads import desk as uploads
from services.ingest.uploads.desk import Desk
from services.ingest.uploads.kinds import UploadKind
from services.ingest.uploads.records import Upload

SAME_LENGTH_S = 0.1
"""How far the lengths of two songs with the same beats may lie apart."""


async def create(desk: Desk, projects: Projects, owner: str, body: ProjectBody) -> Project:
    """A new project. Raises Permanent as the uploads do, and bad_options."""
    settings = await _settings(desk, owner, ProjectSettings(seed=secrets.randbits(32)), body)
    song = await _song(desk, owner, body)
    title = _title(body) or (song.facts.title if song and song.facts else "")
    columns = await _pictures(desk, owner, body) | (_song_columns(song) if song else {})
    return await projects.create(NewProject(owner=owner, title=title, settings=settings, **columns))


async def change(
    desk: Desk, projects: Projects, project: Project, version: int, body: ProjectBody, *, by: Caller
) -> Project:
    """The project once the change is written. A new song takes the storyboard away, unless it has the same beats.

    Raises Permanent as the uploads do; version_conflict, bad_options, project_busy, song_differs, narrated.
    """
    if body.song is not UNSET or body.lyrics is not UNSET:
        refuse_narrated(project)
    owner = project.owner
    values: dict[str, Any] = {"settings": await _settings(desk, owner, project.settings, body)}
    if body.title is not UNSET:
        values["title"] = _title(body)
    values |= await _pictures(desk, owner, body)
    song = await _song(desk, owner, body)
    if song is not None:
        values |= _song_columns(song)
        if not body.same_grid:
            values |= {"analysis": None, "storyboard": None}
        elif abs(values["duration"] - project.duration) > SAME_LENGTH_S:
            raise Permanent("song_differs")
    capped = values["settings"].budget_cap_usd != project.settings.budget_cap_usd
    return await projects.change(owner, project.id, version, values, capped_by=by if capped else None)


async def _settings(desk: Desk, owner: str, settings: ProjectSettings, body: ProjectBody) -> ProjectSettings:
    """The settings with what the body says. Raises Permanent("bad_options")."""
    given = {name: getattr(body, name) for name in SETTINGS if getattr(body, name) is not UNSET}
    check_style(given.get("style", "auto"))
    check_text("prompt", given.get("prompt", ""))
    check_text("category", given.get("category", ""))
    parse_fps(given.get("fps", settings.fps))
    if isinstance(body.brand_kit, BrandKitBody):
        given["brand_kit"] = await _brand_kit(desk, owner, body.brand_kit)
    return msgspec.structs.replace(settings, **given)


async def _brand_kit(desk: Desk, owner: str, body: BrandKitBody) -> BrandKit:
    for name in ("fonts", "dos", "donts"):
        for text in getattr(body, name):
            check_text(name, text)
    values = msgspec.structs.asdict(body) | {"logo": await blob_of(desk, owner, "image", body.logo)}
    return BrandKit(**values)


async def _pictures(desk: Desk, owner: str, body: ProjectBody) -> dict[str, Any]:
    """Columns of the other files that the body names."""
    found: dict[str, Any] = {}
    if body.image is not UNSET:
        found["image"] = await blob_of(desk, owner, "image", body.image)
    if body.lyrics is not UNSET:
        found["lyrics"] = await blob_of(desk, owner, "lyrics", body.lyrics)
    return found


async def blob_of(desk: Desk, owner: str, kind: UploadKind, upload_id: str | None) -> Blob | None:
    """The bytes of an upload of this kind. Raises Permanent: upload_not_found, upload_not_ready, bad_request."""
    return None if upload_id is None else (await _upload(desk, owner, kind, upload_id)).blob


async def _song(desk: Desk, owner: str, body: ProjectBody) -> Upload | None:
    return None if body.song is UNSET else await _upload(desk, owner, "audio", body.song)


async def _upload(desk: Desk, owner: str, kind: UploadKind, upload_id: str) -> Upload:
    upload = await uploads.find(desk, owner, upload_id)
    if upload.kind != kind:
        raise Permanent("bad_request", f"The upload is of the kind `{upload.kind}`, not `{kind}`.")
    return upload


def _song_columns(song: Upload) -> dict[str, Any]:
    duration = (song.facts.duration if song.facts else None) or 0.0
    return {"song": song.blob, "song_name": song.name, "duration": duration}


def _title(body: ProjectBody) -> str:
    title = "" if body.title is UNSET else body.title
    check_text("title", title)
    return title
