"""A sentence that was spoken: what is kept of it, so that it is never spoken again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import msgspec
import numpy as np

from libs.bus.handler import Bill
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.errors import Retryable
from libs.contracts.scripts import SpokenWord
from libs.script.pauses import speech_s
from services.generator.voice.port import Heard, Line, Speech, Voice

VERSION = 1
"""Raised whenever the same speech would be kept otherwise."""
RATES = range(8_000, 192_001)
"""Hz; what engines may speak at."""
HEARD = 1e-3
"""The peak below which a sound is none: -60 dB of full scale."""

SHORTEST_S = 0.02
"""Seconds; what is shorter is no word."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a sentence."""

    sound: Blob | None
    """FLAC, mono, 24 bits, at the engine's rate; None: the voice can't say any of it."""
    rate: int
    samples: int
    words: tuple[SpokenWord, ...]
    task: str = ""
    """For which it was spoken: its message id."""
    bill: Bill = Bill()
    """What that has cost."""

    @property
    def seconds(self) -> Fraction:
        """How long it is heard; without a sound: how long it is shown."""
        if self.sound is not None:
            return Fraction(self.samples, self.rate)
        return Fraction(round(1000 * self.words[-1].end), 1000) if self.words else Fraction(0)


def said_key(owner: str, voice: Voice, line: Line) -> str:
    """The key of the record of a sentence: all that determines its sound, and the words that have times in it."""
    inputs = {
        "text": line.text,
        "words": line.words,
        "voice": line.voice,
        "speed": line.speed,
        "language": line.language,
    }
    return result_key("sentence", f"{VERSION}-{voice.name}-{voice.version}", owner, inputs)


def check_speech(speech: Speech, line: Line) -> None:
    """Raises Retryable("voice_failed") for what no engine may give."""
    sound = speech.sound
    if sound.ndim != 1 or speech.rate not in RATES:
        fault = f"sound of shape {sound.shape} at {speech.rate} Hz"
    elif 0 < len(sound) < SHORTEST_S * speech.rate:
        fault = f"{len(sound)} samples"
    elif not np.isfinite(sound).all():
        fault = "samples that are no numbers"
    elif len(sound) and float(np.abs(sound).max()) < HEARD:
        fault = "silence"
    elif speech.words is not None and len(speech.words) != len(line.words):
        fault = f"{len(speech.words)} times for {len(line.words)} words"
    else:
        return
    raise Retryable("voice_failed", f"The voice gave {fault}.")


def unsaid(line: Line) -> Said:
    """A sentence of which the voice can't say anything: its words have times to be read at."""
    seconds = speech_s(" ".join(line.words)) / line.speed
    words = timed(line.words, heard_by_letters(line.words, seconds, spoken=False), seconds)
    return Said(sound=None, rate=0, samples=0, words=words)


def heard_by_letters(words: Sequence[str], seconds: float, *, spoken: bool = True) -> tuple[Heard, ...]:
    """Times of words by their number of letters alone."""
    ends = np.cumsum([len(word) + 1 for word in words])
    bounds = [0.0, *(seconds * ends / max(ends[-1:], default=1)).tolist()]
    return tuple(Heard(start=start, end=end, spoken=spoken) for start, end in pairwise(bounds))


def timed(words: Sequence[str], heard: Sequence[Heard], seconds: float) -> tuple[SpokenWord, ...]:
    """Words with their times to the millisecond: in order, none beyond the next one or the sentence's end."""
    starts: list[float] = []
    for one in heard:
        starts.append(round(min(max(one.start, starts[-1] if starts else 0.0), seconds), 3))
    ends = [
        round(max(start, min(one.end, after)), 3)
        for one, (start, after) in zip(heard, pairwise([*starts, seconds]), strict=True)
    ]
    return tuple(
        SpokenWord(text=text, start=start, end=end, spoken=one.spoken)
        for text, one, start, end in zip(words, heard, starts, ends, strict=True)
    )
