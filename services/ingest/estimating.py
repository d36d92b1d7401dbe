"""What a video would take of a song or a script that is not ordered yet."""

from __future__ import annotations

from typing import Annotated

import msgspec

from libs.contracts.errors import Permanent
from libs.media.guards import MAX_SONG_SECONDS
from services.ingest.orders import read_options
from services.ingest.parts import Parts
from services.ingest.records import NewJob
from services.ingest.scripts import check_music, expected, script_of
from services.ingest.submissions import Submission
from services.ingest.uploads.desk import find, look

Meta = msgspec.Meta


class Estimable(Submission, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order as JSON, and how long its song is where nobody can know that yet."""

    duration: Annotated[
        Annotated[float, Meta(gt=0, le=MAX_SONG_SECONDS)] | None,
        Meta(
            description="Seconds of the song; needed with `audio_url`, which is not fetched, or without any song.",
        ),
    ] = None


def read_estimable(body: bytes) -> Estimable:
    """What is asked. Raises Permanent("bad_request")."""
    try:
        return msgspec.json.decode(body, type=Estimable)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Permanent("bad_request", f"The order can't be read: {error}") from error


async def would_be(parts: Parts, asked: Estimable) -> NewJob:
    """The job that would be ordered, as far as its cost depends on it; nothing is fetched or stored.

    Raises Permanent: bad_options, bad_request, upload_not_found, upload_not_ready, script_empty, script_too_long,
    bad_script.
    """
    options = read_options(msgspec.json.encode(asked.options), parts.callback_allow)
    song = bool(asked.audio_url or asked.audio_upload_id)
    check_music(options, script=bool(asked.script), song=song)
    seconds, characters = await _length(parts, asked, options.speed)
    return NewJob(
        owner=parts.owner,
        options=options,
        song=None,
        song_name="",
        duration=seconds,
        characters=characters,
    )


async def _length(parts: Parts, asked: Estimable, speed: float) -> tuple[float, int]:
    """Seconds of the video, and characters that are spoken."""
    if asked.script:
        return await expected(script_of(asked.script, asked.prompts, asked.language), speed)
    if asked.audio_upload_id:
        found = await find(parts.desk, parts.owner, asked.audio_upload_id)
        return (await look(parts.desk, "audio", found)).facts.duration or 0.0, 0
    if asked.duration is None:
        hint = "Give `duration` in seconds, or send the song ahead and give `audio_upload_id`."
        raise Permanent("bad_request", "Nobody knows yet how long the song is.", hint=hint)
    return asked.duration, 0
