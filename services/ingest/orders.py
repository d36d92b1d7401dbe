"""From files to a job: options checked, files scanned, probed and stored, the order put into the ledger."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Annotated

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions, check_means, check_style
from libs.contracts.scripts import MAX_SCRIPT_CHARS, Script
from libs.media.frames import parse_fps
from libs.media.guards import MAX_IMAGE_BYTES, MAX_LYRICS_BYTES, MAX_SONG_BYTES
from libs.outbound.urls import ANY_HOST, MAX_URL_CHARS, check_url
from services.ingest.parts import Parts
from services.ingest.records import Accepted, NewJob
from services.ingest.scripts import check_music, expected, name_of, put_script, script_in, with_lasting_seed
from services.ingest.texts import check_text
from services.ingest.uploads.desk import Source, look, stored
from services.ingest.uploads.sink import Received

SCRIPT_AND_LYRICS = "Give a script or lyrics, not both: what is said is what the captions show."

_KEY = re.compile(r"[\x21-\x7e]{1,200}")

Meta = msgspec.Meta
Url = Annotated[str, Meta(max_length=MAX_URL_CHARS, description="http or https; the server fetches it.")]

FORM = MappingProxyType(
    {
        "song": MAX_SONG_BYTES,
        "image": MAX_IMAGE_BYTES,
        "lyrics": MAX_LYRICS_BYTES,
        "options": 64_000,
        "script": 4 * MAX_SCRIPT_CHARS,
        "prompts": 1_000_000,
        "language": 100,
    }
)
"""The parts that an order's form may have, and the most bytes of each."""


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
    for name in ("prompt", "title", "music"):
        check_text(name, getattr(options, name))
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
    """All that was sent: a song or a script, or both. `digest` covers the contents, not the names of files."""

    song: Source | None = None
    """With a script: the music under the voice."""
    script: Script | None = None
    image: Source | None = None
    lyrics: Source | None = None
    options: bytes = b""
    digest: str = ""


def order_of(sent: Mapping[str, Received]) -> Order:
    """The order in a form's parts.

    Raises Permanent: song_missing, empty_file, bad_script, bad_options; bad_request for a script with lyrics.
    """
    told = "script" in sent and (sent["script"].size > 0 or "song" not in sent)
    if "song" not in sent and not told:
        raise Permanent("song_missing")
    for part in ("song", "image"):
        if part in sent and sent[part].size == 0:
            raise Permanent("empty_file", f"The part `{part}` has no bytes.")
    lyrics = sent.get("lyrics")
    if told and lyrics is not None and lyrics.size:
        raise Permanent("bad_request", SCRIPT_AND_LYRICS)
    contents = [(name, sent[name].sha256) for name in FORM if name in sent]
    return Order(
        song=sent.get("song"),
        script=_script(sent) if told else None,
        image=sent.get("image"),
        lyrics=lyrics if lyrics is not None and lyrics.size else None,
        options=sent["options"].path.read_bytes() if "options" in sent else b"",
        digest=hashlib.sha256(msgspec.json.encode(contents)).hexdigest(),
    )


def _script(sent: Mapping[str, Received]) -> Script:
    text, prompts, language = (
        sent[name].path.read_bytes() if name in sent else b"" for name in ("script", "prompts", "language")
    )
    return script_in(text, prompts, language)


async def place(parts: Parts, order: Order, *, key: str) -> Accepted:
    """Open the job, or find the one that this key opened.

    Raises what the scanner, the probes, the store and the ledger raise; Permanent: script_empty, script_too_long,
    bad_script. What was stored when a later step fails is referred to by nothing, and the sweeper takes it.
    """
    options = read_options(order.options, parts.callback_allow)
    check_music(options, script=order.script is not None, song=order.song is not None)
    before = await placed_before(parts, key, order.digest)
    if before is not None:
        return before
    desk = parts.desk
    lyrics = await look(desk, "lyrics", order.lyrics) if order.lyrics else None
    picture = await look(desk, "image", order.image) if order.image else None
    sound = await look(desk, "audio", order.song) if order.song else None
    if sound is not None and order.script is None:
        options = with_title(options, sound.facts.title)
    words = lyrics is not None or order.script is not None
    check_means(options.style, picture=picture is not None, title=bool(options.title), lyrics=words)
    job = NewJob(
        owner=parts.owner,
        options=options,
        lyrics=await stored(desk, lyrics) if lyrics else None,
        image=await stored(desk, picture) if picture else None,
        song=await stored(desk, sound) if sound else None,
        song_name=sound.name if sound else "",
        duration=(sound.facts.duration if sound else None) or 0.0,
        notices=sound.facts.notices if sound else (),
    )
    job = await narrated(parts, job, order.script) if order.script else seeded(job)
    return await parts.ledger.accept(job, by=parts.caller, key=key, body_digest=order.digest)


def seeded(job: NewJob) -> NewJob:
    """The job of a song with a seed: the one asked for, or a random one."""
    return msgspec.structs.replace(job, options=with_seed(job.options))


async def narrated(parts: Parts, job: NewJob, script: Script) -> NewJob:
    """The same job with a script, which is put into the store. Its duration is a guess until it is spoken.

    Raises Permanent: script_empty, script_too_long, bad_script.
    """
    seconds, characters = await expected(script, job.options.speed)
    given = msgspec.structs.replace(job.given, script=await put_script(parts.store, script))
    return msgspec.structs.replace(
        job,
        given=given,
        options=with_lasting_seed(job.options, job.caption),
        song_name=name_of(script, (job.options.title, job.caption)),
        duration=seconds,
        characters=characters,
    )


async def placed_before(parts: Parts, key: str, digest: str) -> Accepted | None:
    """The job that this key opened, if any. Raises Permanent("idempotency_conflict"), and
    Retryable("intake_paused") for a new order while none are taken."""
    known = await parts.ledger.accepted_before(parts.owner, key, digest) if key else None
    if known is None:
        await parts.operations.intake.refuse()
    return known


def with_seed(options: JobOptions) -> JobOptions:
    """The same options with a seed: the one asked for, or a random one."""
    if options.seed is not None:
        return options
    return msgspec.structs.replace(options, seed=secrets.randbits(32))


def with_title(options: JobOptions, title: str) -> JobOptions:
    """The same options with a title: the one that was given, or else that of the file's tags."""
    return options if options.title else msgspec.structs.replace(options, title=title)
