"""The order of an older contract: `audio_file` and `user_prompt`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from libs.contracts.errors import Permanent
from libs.media.guards import MAX_SONG_BYTES
from services.ingest.orders import Order, place
from services.ingest.parts import Parts
from services.ingest.uploads.desk import keep
from services.ingest.uploads.sink import Received
from services.ingest.uploads.views import content_path

FORM = MappingProxyType({"audio_file": MAX_SONG_BYTES, "user_prompt": 4000})
"""The parts, and the most bytes of each."""

PROMPT_CHARS = (50, 500)
"""The fewest and the most characters of a prompt."""

PACE = 1.5
"""Seconds of work for a second of song, about, on two cores without a GPU server."""
START_S = 20.0


class Taken(NamedTuple):
    """A job, and where its song can be fetched."""

    job_id: str
    audio_url: str
    estimated_seconds: float


async def order(parts: Parts, sent: Mapping[str, Received]) -> Taken:
    """Open the job of a form. The song is an upload, too, so that it can be fetched; a job that then fails to open
    leaves an upload that expires. Raises Permanent: song_missing, bad_options, and as `keep` and `place`.
    """
    if "audio_file" not in sent:
        raise Permanent("song_missing", hint="Send the audio file as the form field `audio_file`.")
    prompt = _prompt(sent)
    upload = await keep(parts.desk, parts.owner, "audio", sent["audio_file"])
    options = msgspec.json.encode({"prompt": prompt})
    accepted = await place(parts, Order(song=upload, options=options), key="")
    path = content_path(upload.id)
    if parts.published.signs:
        url = parts.published.link(upload.blob, path, upload.name, parts.published.uploads).url
    else:
        url = parts.published.plain(path)
    assert upload.facts is not None and upload.facts.duration is not None
    return Taken(accepted.job_id, url, START_S + PACE * upload.facts.duration)


def _prompt(sent: Mapping[str, Received]) -> str:
    try:
        text = sent["user_prompt"].path.read_text(encoding="utf-8").strip() if "user_prompt" in sent else ""
    except UnicodeDecodeError as error:
        raise Permanent("bad_options", "`user_prompt` is not UTF-8 text.") from error
    fewest, most = PROMPT_CHARS
    if not fewest <= len(text) <= most:
        raise Permanent(
            "bad_options", f"`user_prompt` must have {fewest} to {most} characters; it has {len(text)}."
        )
    return text
