"""From files to a job: options checked, files scanned, probed and stored, the order put into the ledger."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions, check_means, check_style
from libs.media.frames import parse_fps
from libs.media.guards import MAX_IMAGE_BYTES, MAX_LYRICS_BYTES, MAX_SONG_BYTES
from libs.outbound.urls import ANY_HOST, MAX_URL_CHARS, check_url
from libs.runtime.disk import full_disk_is_retryable
from services.ingest.parts import OWNER, Parts
from services.ingest.records import Accepted, NewJob
from services.ingest.uploads.desk import Desk, Source, find, look, stored
from services.ingest.uploads.kinds import UploadKind
from services.ingest.uploads.sink import Received, Sink

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")

Meta = msgspec.Meta
Url = Annotated[str, Meta(max_length=MAX_URL_CHARS, description="http or https; the server fetches it.")]
UploadId = Annotated[str, Meta(max_length=64, description="As POST /api/v1/uploads answered it.")]

FORM = MappingProxyType(
    {"song": MAX_SONG_BYTES, "image": MAX_IMAGE_BYTES, "lyrics": MAX_LYRICS_BYTES, "options": 64_000}
)
"""The parts that an order's form may have, and the most bytes of each."""

SUBMISSION_BYTES = 1_000_000
"""The most bytes of an order in JSON."""


class SubmittedOptions(JobOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options as a client may send them: a misspelt one is told, not ignored."""


def read_options(data: bytes, callback_allow: Collection[str] = (ANY_HOST,)) -> JobOptions:
    """The options in a JSON object; nothing means the defaults.

    callback_allow: private hosts that may be called. Raises Permanent: bad_options, bad_callback_url.
    """
    try:
        submitted = msgspec.json.decode(data or b"{}", type=SubmittedOptions)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Permanent("bad_options", f"The options are not valid: {error}") from error
    options = JobOptions(**msgspec.structs.asdict(submitted))
    for name in ("prompt", "title"):
        if _CONTROLS.search(getattr(options, name)):
            raise Permanent("bad_options", f"`{name}` holds control characters.")
    check_style(options.style)
    parse_fps(options.fps)
    if options.callback_url:
        check_url(options.callback_url, callback_allow)
    return options


def check_key(key: str) -> str:
    """An Idempotency-Key as sent, or "" for none. Raises Permanent("bad_request")."""
    if key and not _KEY.fullmatch(key):
        raise Permanent("bad_request", "Idempotency-Key is 1 to 200 visible ASCII characters.")
    return key


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """All that was sent. `digest` covers the contents, not the names of files."""

    song: Source
    image: Source | None = None
    lyrics: Source | None = None
    options: bytes = b""
    digest: str = ""
    caption: str = ""
    client_run: str = ""


class Submission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order as JSON: files by their address, or by the id of an upload."""

    audio_url: Url = ""
    image_url: Url = ""
    audio_upload_id: UploadId = ""
    image_upload_id: UploadId = ""
    lyrics_upload_id: UploadId = ""
    lyrics: Annotated[str, Meta(max_length=MAX_LYRICS_BYTES, description="Plain text, .lrc or .srt.")] = ""
    options: Annotated[dict[str, Any], Meta(description="As in the multipart form.")] = {}
    callback_url: Annotated[str, Meta(max_length=2000, description="Instead of the one among the options.")] = ""


def order_of(sent: Mapping[str, Received]) -> Order:
    """The order in a form's parts. Raises Permanent: song_missing, empty_file."""
    if "song" not in sent:
        raise Permanent("song_missing")
    for part in ("song", "image"):
        if part in sent and sent[part].size == 0:
            raise Permanent("empty_file", f"The part `{part}` has no bytes.")
    lyrics = sent.get("lyrics")
    contents = [(name, sent[name].sha256) for name in FORM if name in sent]
    return Order(
        song=sent["song"],
        image=sent.get("image"),
        lyrics=lyrics if lyrics is not None and lyrics.size else None,
        options=sent["options"].path.read_bytes() if "options" in sent else b"",
        digest=hashlib.sha256(msgspec.json.encode(contents)).hexdigest(),
    )


def read_submission(body: bytes) -> Submission:
    """An order in JSON. Raises Permanent: bad_request, song_missing."""
    try:
        found = msgspec.json.decode(body, type=Submission)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Permanent("bad_request", f"The order can't be read: {error}") from error
    for name in ("audio", "image"):
        if getattr(found, f"{name}_url") and getattr(found, f"{name}_upload_id"):
            raise Permanent("bad_request", f"Give `{name}_url` or `{name}_upload_id`, not both.")
    if found.lyrics and found.lyrics_upload_id:
        raise Permanent("bad_request", "Give `lyrics` or `lyrics_upload_id`, not both.")
    if not found.audio_url and not found.audio_upload_id:
        raise Permanent("song_missing", hint="Give `audio_url` or `audio_upload_id`.")
    return found


async def submit(
    parts: Parts, submission: Submission, *, key: str, digest: str = "", caption: str = "", client_run: str = ""
) -> Accepted:
    """Open the job of an order in JSON, or find the one that this key opened.

    Its files are fetched first, within the limits of the settings: once this returns, nothing of the job is left
    to the addresses. digest: of all that was asked for, when that is more than the submission.
    Raises as `place`, what the fetch raises, and Permanent("upload_not_found").
    """
    options = dict(submission.options)
    if submission.callback_url:
        options["callback_url"] = submission.callback_url
    encoded = msgspec.json.encode(options)
    read_options(encoded, parts.callback_allow)
    digest = digest or hashlib.sha256(msgspec.json.encode(submission, order="deterministic")).hexdigest()
    before = await _placed_before(parts, key, digest)
    if before is not None:
        return before
    async with parts.scratch.folder() as folder:
        lyrics = await _lyrics(parts.desk, submission, folder)
        image = await _named(parts.desk, submission.image_upload_id, submission.image_url, "image", folder)
        song = await _named(parts.desk, submission.audio_upload_id, submission.audio_url, "audio", folder)
        assert song is not None
        order = Order(
            song=song,
            image=image,
            lyrics=lyrics,
            options=encoded,
            digest=digest,
            caption=caption,
            client_run=client_run,
        )
        return await place(parts, order, key=key)


async def _named(desk: Desk, upload_id: str, url: str, kind: UploadKind, folder: Path) -> Source | None:
    if upload_id:
        return await find(desk, OWNER, upload_id)
    return await desk.fetching.fetch(url, kind, folder) if url else None


async def _lyrics(desk: Desk, submission: Submission, folder: Path) -> Source | None:
    if submission.lyrics_upload_id:
        return await find(desk, OWNER, submission.lyrics_upload_id)
    if not submission.lyrics.strip():
        return None
    with full_disk_is_retryable():
        sink = Sink(folder / "lyrics", limit=MAX_LYRICS_BYTES, what="`lyrics`")
        try:
            await sink.take(submission.lyrics.encode(errors="replace"))
            return await sink.finish("lyrics.txt")
        finally:
            sink.close()


async def _placed_before(parts: Parts, key: str, digest: str) -> Accepted | None:
    return await parts.ledger.accepted_before(OWNER, key, digest) if key else None


async def place(parts: Parts, order: Order, *, key: str) -> Accepted:
    """Open the job, or find the one that this key opened.

    Raises what the scanner, the probes, the store and the ledger raise. What was stored when a later step fails is
    referred to by nothing, and the sweeper takes it.
    """
    options = read_options(order.options, parts.callback_allow)
    before = await _placed_before(parts, key, order.digest)
    if before is not None:
        return before
    desk = parts.desk
    lyrics = await look(desk, "lyrics", order.lyrics) if order.lyrics else None
    picture = await look(desk, "image", order.image) if order.image else None
    sound = await look(desk, "audio", order.song)
    options = with_title(options, sound.facts.title)
    check_means(options.style, picture=picture is not None, title=bool(options.title), lyrics=lyrics is not None)
    assert sound.facts.duration is not None
    job = NewJob(
        owner=OWNER,
        options=with_seed(options),
        lyrics=await stored(desk, lyrics) if lyrics else None,
        image=await stored(desk, picture) if picture else None,
        song=await stored(desk, sound),
        song_name=sound.name,
        duration=sound.facts.duration,
        notices=sound.facts.notices,
        caption=order.caption,
        client_run=order.client_run,
    )
    return await parts.ledger.accept(job, key=key, body_digest=order.digest)


def with_seed(options: JobOptions) -> JobOptions:
    """The same options with a seed: the one asked for, or a random one."""
    if options.seed is not None:
        return options
    return msgspec.structs.replace(options, seed=secrets.randbits(32))


def with_title(options: JobOptions, title: str) -> JobOptions:
    """The same options with a title: the one that was given, or else that of the file's tags."""
    return options if options.title else msgspec.structs.replace(options, title=title)
