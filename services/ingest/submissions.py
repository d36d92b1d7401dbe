"""Orders as JSON: files by the id of an upload, or by their address."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions
from libs.contracts.scripts import Script
from libs.contracts.tasks import Fetch
from libs.media.guards import MAX_LYRICS_BYTES
from libs.runtime.disk import full_disk_is_retryable
from services.ingest.brief import Given
from services.ingest.orders import (
    SCRIPT_AND_LYRICS,
    Order,
    Url,
    narrated,
    place,
    placed_before,
    read_options,
    seeded,
)
from services.ingest.parts import Parts
from services.ingest.records import Accepted, NewJob
from services.ingest.scripts import check_music, script_of
from services.ingest.uploads.desk import Source, find, look, stored
from services.ingest.uploads.sink import Sink

Meta = msgspec.Meta
UploadId = Annotated[str, Meta(max_length=64, description="As POST /api/v1/uploads answered it.")]

MOST_BYTES = 8_000_000
"""The most bytes of an order in JSON."""


class Submission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order as JSON: files by their address, or by the id of an upload."""

    script: Annotated[
        str,
        Meta(
            description="What is narrated: text, Markdown, HTML or SSML. The audio then is music under the voice."
        ),
    ] = ""
    prompts: Annotated[tuple[str, ...], Meta(description="Of a script: what its scenes show, in order.")] = ()
    language: Annotated[str, Meta(max_length=40, description="Of a script, as in `de`.")] = ""
    audio_url: Url = ""
    image_url: Url = ""
    audio_upload_id: UploadId = ""
    image_upload_id: UploadId = ""
    lyrics_upload_id: UploadId = ""
    lyrics: Annotated[str, Meta(max_length=MAX_LYRICS_BYTES, description="Plain text, .lrc or .srt.")] = ""
    options: Annotated[dict[str, Any], Meta(description="As in the multipart form.")] = {}
    callback_url: Annotated[str, Meta(max_length=2000, description="Instead of the one among the options.")] = ""


def read_submission(body: bytes) -> Submission:
    """An order in JSON. Raises Permanent: bad_request, song_missing."""
    try:
        found = msgspec.json.decode(body, type=Submission)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Permanent("bad_request", f"The order can't be read: {error}") from error
    for one, other in (
        ("audio_url", "audio_upload_id"),
        ("image_url", "image_upload_id"),
        ("lyrics", "lyrics_upload_id"),
    ):
        if getattr(found, one) and getattr(found, other):
            raise Permanent("bad_request", f"Give `{one}` or `{other}`, not both.")
    if not (found.audio_url or found.audio_upload_id or found.script):
        raise Permanent("song_missing", hint="Give `audio_url` or `audio_upload_id`, or a `script`.")
    if found.script and (found.lyrics.strip() or found.lyrics_upload_id):
        raise Permanent("bad_request", SCRIPT_AND_LYRICS)
    return found


async def submit(parts: Parts, submission: Submission, *, key: str) -> Accepted:
    """Open the job, or find the one that this key opened.

    A song at an address, and the picture with it, is fetched by a task of the job, however long that takes, and so
    is the picture for a script alone; one for a song that is here is fetched now. Raises as `place`, what the fetch
    raises, and Permanent: bad_source_url, upload_not_found, script_empty, script_too_long, bad_script.
    """
    given = dict(submission.options)
    if submission.callback_url:
        given["callback_url"] = submission.callback_url
    encoded = msgspec.json.encode(given)
    options = read_options(encoded, parts.callback_allow)
    song = bool(submission.audio_url or submission.audio_upload_id)
    check_music(options, script=bool(submission.script), song=song)
    for url in filter(None, (submission.audio_url, submission.image_url)):
        parts.desk.fetching.check(url)
    digest = hashlib.sha256(msgspec.json.encode(submission, order="deterministic")).hexdigest()
    before = await placed_before(parts, key, digest)
    if before is not None:
        return before
    script = _script(submission)
    async with parts.scratch.folder() as folder:
        desk = parts.desk
        lyrics = await _lyrics(parts, submission, folder)
        image: Source | None = await _upload(parts, submission.image_upload_id)
        sound = await _upload(parts, submission.audio_upload_id)
        if sound is None and (submission.audio_url or submission.image_url):
            job = await _to_fetch(parts, submission, options, image, lyrics)
            if script is not None:
                job = await narrated(parts, job, script)
            else:
                job = seeded(job)
            return await parts.ledger.accept(job, by=parts.caller, key=key, body_digest=digest)
        if submission.image_url:
            image = await desk.fetching.fetch(submission.image_url, "image", folder)
        order = Order(song=sound, script=script, image=image, lyrics=lyrics, options=encoded, digest=digest)
        return await place(parts, order, key=key)


async def _to_fetch(
    parts: Parts, submission: Submission, options: JobOptions, image: Source | None, lyrics: Source | None
) -> NewJob:
    """The job whose files are still elsewhere; without a seed."""
    desk = parts.desk
    picture = await look(desk, "image", image) if image else None
    words = await look(desk, "lyrics", lyrics) if lyrics else None
    source = Fetch(
        audio_url=submission.audio_url,
        image_url=submission.image_url,
        options=options,
        lyrics=words is not None or bool(submission.script),
        picture=picture is not None,
    )
    return NewJob(
        owner=parts.owner,
        options=options,
        song=None,
        song_name="",
        duration=0.0,
        lyrics=await stored(desk, words) if words else None,
        image=await stored(desk, picture) if picture else None,
        given=Given(source=source),
    )


def _script(submission: Submission) -> Script | None:
    if not submission.script:
        return None
    return script_of(submission.script, submission.prompts, submission.language)


async def _upload(parts: Parts, upload_id: str) -> Source | None:
    return await find(parts.desk, parts.owner, upload_id) if upload_id else None


async def _lyrics(parts: Parts, submission: Submission, folder: Path) -> Source | None:
    if not submission.lyrics.strip():
        return await _upload(parts, submission.lyrics_upload_id)
    with full_disk_is_retryable():
        sink = Sink(folder / "lyrics", limit=MAX_LYRICS_BYTES, what="`lyrics`")
        try:
            await sink.take(submission.lyrics.encode(errors="replace"))
            return await sink.finish("lyrics.txt")
        finally:
            sink.close()
