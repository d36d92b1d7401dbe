"""A script as it was sent to the sentences that a voice speaks. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from sentencex import segment

from libs.contracts.analysis import Notice
from libs.contracts.errors import Permanent
from libs.contracts.scripts import MAX_SCRIPT_CHARS
from libs.script.pauses import pause_after, speech_s


@dataclass(frozen=True)
class Spoken:
    """A sentence to be spoken, as its captions show it."""

    text: str
    """One line, NFC, of about 400 letters at most. Emoji are in it: `words.sayable` is without."""
    paragraph: int
    """Counted from 0."""
    pause_s: float = 0.0
    """Asked for by the script after this sentence, besides the usual pause of `pauses`."""


@dataclass(frozen=True)
class Reading:
    """All that is spoken of a script, in order; at least one sentence."""

    sentences: tuple[Spoken, ...]
    language: str
    """ISO 639-1: as given, else guessed from the writing."""
    notices: tuple[Notice, ...] = ()


def read_script(text: str, language: str = "") -> Reading:
    """The sentences of a script: plain text, Markdown, HTML or SSML.

    language: ISO 639-1; empty: guessed from the writing. Raises Permanent: bad_script for what is no text or too
    long, script_empty where nothing can be said.
    """
    if len(text) > MAX_SCRIPT_CHARS:
        raise Permanent("bad_script", f"The script has {len(text):,} characters; {MAX_SCRIPT_CHARS:,} are allowed.")
    language = language or "en"
    sentences = []
    plain = unicodedata.normalize("NFC", re.sub(r"<[^<>]*>", "", text))
    for paragraph, block in enumerate(re.split(r"\n\s*\n", plain)):
        for line in block.splitlines():
            for found in segment(language, line):
                if any(char.isalnum() for char in found):
                    sentences.append(Spoken(" ".join(found.split()), paragraph))
    if not sentences:
        raise Permanent("script_empty")
    return Reading(tuple(sentences), language)


def estimate_s(reading: Reading, speed: float = 1.0) -> float:
    """About how long the narration will last, in seconds. speed: 1 is the voice's own pace; pauses keep theirs."""
    spoken = sum(speech_s(one.text) for one in reading.sentences) / speed
    return spoken + sum(pause_after(reading.sentences, index) for index in range(len(reading.sentences)))
