"""Scripts at the front door: read as they are sent, refused where no narration can come of them, stored."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from libs.artifacts.store import ArtifactStore
from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent
from libs.contracts.jobs import MAX_PROMPT_CHARS, JobOptions
from libs.contracts.scripts import MAX_PROMPTS, MAX_SCRIPT_CHARS, Script
from libs.media.guards import MAX_SONG_SECONDS
from libs.script.reading import estimate_s, read_script
from services.ingest.names import display_name
from services.ingest.texts import check_text

MARGIN = 1.25
"""By which an estimate may be too long: the voice has the last word."""
NAME_CHARS = 60

_LANGUAGE = re.compile(r"([A-Za-z]{2,3})([-_][A-Za-z0-9_-]{1,20})?")
_NO_PROMPTS = "`prompts` is a JSON array of texts, or one prompt a line."


def script_of(text: str, prompts: Sequence[str] = (), language: str = "") -> Script:
    """A script as it was sent. prompts: "" leaves a scene to the planner. language: as in `de`, `de-AT`, or empty.

    Raises Permanent: bad_script, bad_options.
    """
    if len(text) > MAX_SCRIPT_CHARS:
        raise Permanent("bad_script", f"The script has {len(text):,} characters; {MAX_SCRIPT_CHARS:,} are allowed.")
    if len(prompts) > MAX_PROMPTS:
        raise Permanent("bad_options", f"There are {len(prompts):,} prompts; {MAX_PROMPTS:,} are allowed.")
    for prompt in prompts:
        check_text("prompts", prompt)
        if len(prompt) > MAX_PROMPT_CHARS:
            raise Permanent("bad_options", f"A prompt has more than {MAX_PROMPT_CHARS:,} characters.")
    return Script(text=text, prompts=tuple(prompt.strip() for prompt in prompts), language=_language(language))


def _language(text: str) -> str:
    if not text.strip():
        return ""
    found = _LANGUAGE.fullmatch(text.strip())
    if found is None:
        raise Permanent("bad_options", "`language` is a code as in `en` or `de`.")
    return found[1].lower()


def script_in(text: bytes, prompts: bytes = b"", language: bytes = b"") -> Script:
    """The same of the parts of a form. Raises Permanent: bad_script, bad_options."""
    try:
        script = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Permanent("bad_script", "The script is not UTF-8 text.") from error
    return script_of(script, _prompts_in(prompts), language.decode(errors="replace"))


def _prompts_in(data: bytes) -> list[str]:
    try:
        if data.lstrip().startswith(b"["):
            return msgspec.json.decode(data, type=list[str])
        return data.decode("utf-8-sig").splitlines()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Permanent("bad_options", _NO_PROMPTS) from error


class Expected(NamedTuple):
    """What it takes to say a script, about."""

    seconds: float
    characters: int


async def expected(script: Script, speed: float) -> Expected:
    """What it takes to say it. Raises Permanent: script_empty, script_too_long, bad_script."""

    def read() -> Expected:
        reading = read_script(script.text, script.language)
        return Expected(estimate_s(reading, speed), sum(len(one.text) for one in reading.sentences))

    found = await asyncio.to_thread(read)
    if found.seconds > MAX_SONG_SECONDS * MARGIN:
        raise Permanent("script_too_long", f"The script takes about {found.seconds / 60:.0f} minutes to say.")
    return found


def check_music(options: JobOptions, *, script: bool, song: bool) -> None:
    """Raises Permanent("bad_options") for music that nothing is to be made for."""
    if options.music and not script:
        raise Permanent("bad_options", "`music` goes with a script: a song is its own music.")
    if options.music and song:
        raise Permanent("bad_options", "A song and `music`: one of them can lie under the voice.")


async def put_script(store: ArtifactStore, script: Script) -> Blob:
    """The document in the store."""
    return await store.put_bytes(msgspec.json.encode(script), "application/json")


def with_lasting_seed(options: JobOptions, caption: str = "") -> JobOptions:
    """The same options with a seed: the one asked for, or one of what stays when a sentence is mended."""
    if options.seed is not None:
        return options
    said = msgspec.json.encode([options.title, caption, options.prompt, options.style])
    seed = int.from_bytes(hashlib.sha256(said).digest()[:4], "big")
    return msgspec.structs.replace(options, seed=seed)


def name_of(script: Script, named: Collection[str]) -> str:
    """What a narrated video is called where it is shown and saved: the first of these names, or how it begins."""
    lines = (line for text in (*named, script.text) for line in text.splitlines())
    first = next((line.strip() for line in lines if line.strip()), "")
    return display_name(" ".join(first.replace("/", " ").replace("\\", " ").split())[:NAME_CHARS], "script")
