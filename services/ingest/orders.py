"""From an upload to a job: options checked, files probed and stored, the order put into the ledger."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from types import MappingProxyType

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions, check_means, check_style
from libs.media.frames import parse_fps
from libs.media.probe import SongProbe, probe_image, probe_lyrics, probe_song
from libs.outbound.urls import ANY_HOST, check_url
from services.ingest.parts import OWNER, Parts
from services.ingest.records import Accepted, NewJob
from services.ingest.uploads import Order

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")

SONG_TYPES = MappingProxyType(
    {
        "mp3": "audio/mpeg",
        "mov": "audio/mp4",
        "wav": "audio/wav",
        "flac": "audio/flac",
        "ogg": "audio/ogg",
        "aac": "audio/aac",
        "aiff": "audio/aiff",
    }
)
"""Media types by the demuxer that opens the file; for all others application/octet-stream."""


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


async def place(parts: Parts, order: Order, *, key: str) -> Accepted:
    """Open the job, or find the one that this key opened.

    Raises what the probes, the store and the ledger raise. What was stored when a later step fails is referred to
    by nothing, and the sweeper takes it.
    """
    options = read_options(order.options, parts.callback_allow)
    if key:
        before = await parts.ledger.accepted_before(OWNER, key, order.digest)
        if before is not None:
            return before
    lyrics = image = None
    if order.lyrics is not None and order.lyrics.size:
        await probe_lyrics(order.lyrics.path)
    picture = await probe_image(order.image.path, parts.pool) if order.image else None
    sound = await probe_song(order.song.path, parts.pool)
    options = with_title(options, sound.title)
    has_lyrics = order.lyrics is not None and order.lyrics.size > 0
    check_means(options.style, picture=picture is not None, title=bool(options.title), lyrics=has_lyrics)
    if order.lyrics is not None and order.lyrics.size:
        lyrics = await parts.store.put_file(order.lyrics.path, "text/plain; charset=utf-8")
    if order.image is not None and picture is not None:
        image = await parts.store.put_file(order.image.path, f"image/{picture.format}")
    song = await parts.store.put_file(order.song.path, _song_type(sound))
    job = NewJob(
        owner=OWNER,
        options=with_seed(options),
        song=song,
        song_name=order.song.name,
        lyrics=lyrics,
        image=image,
        duration=sound.duration,
        notices=sound.notices,
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


def _song_type(probe: SongProbe) -> str:
    return SONG_TYPES.get(probe.container, "application/octet-stream")
