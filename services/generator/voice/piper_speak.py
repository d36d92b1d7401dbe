"""A line becomes speech: what a worker child does for the Piper engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from libs.contracts.errors import Retryable
from services.generator.voice.espeak import EspeakError, transcribe
from services.generator.voice.phonemes import NOWHERE, Pronunciation, pronunciation
from services.generator.voice.piper_config import PiperConfig, read_config
from services.generator.voice.piper_model import PiperError, PiperModel
from services.generator.voice.piper_words import located, speakers, word_times
from services.generator.voice.port import Heard, Line, Sound, Speech
from services.generator.voice.spoken_forms import spoken_form
from services.generator.voice.writing import is_word, sayable

MAX_SYMBOLS = 300
"""Said at once, some 20 s, with 540 MB; what is longer is said in parts."""
_QUIET = 0.002
"""Of full scale. Speech peaks at a third or more, the last of an f is as faint as this, and silence is 0.0001."""
_MARGIN_S = 0.02
"""Kept beyond that: how a sound begins and dies away."""


class PiperOrder(NamedTuple):
    """What to say, and with which files."""

    line: Line
    model: Path
    config: Path
    speaker: int


def speak(order: PiperOrder) -> Speech:
    """Say a line. Raises Retryable (voice_unavailable, voice_failed)."""
    try:
        model, config = _loaded(order.model, order.config)
    except (PiperError, ValueError, OSError) as error:
        raise Retryable("voice_unavailable", str(error)) from error
    try:
        return _speech(order, model, config)
    except (PiperError, EspeakError) as error:
        raise Retryable("voice_failed", f"{_beginning(order.line.text)}: {error}") from error


def parts_of(said: Pronunciation, longest: int = MAX_SYMBOLS) -> list[slice]:
    """Slices of the symbols, each short enough to be said at once: cut after punctuation, else between words."""
    parts: list[slice] = []
    start = 0
    while len(said.symbols) - start > longest:
        room = range(start + longest - 1, start + longest // 2, -1)
        end = next((index + 1 for index in room if said.symbols[index] in ",;:.?!"), 0)
        end = end or next((index + 1 for index in room if said.symbols[index] == " "), start + longest)
        parts.append(slice(start, end))
        start = end
    parts.append(slice(start, len(said.symbols)))
    return parts


def loud_part(sound: Sound) -> tuple[int, int] | None:
    """The samples from and to which anything is heard."""
    loud = np.flatnonzero(np.abs(sound) >= _QUIET)
    return (int(loud[0]), int(loud[-1]) + 1) if len(loud) else None


def _speech(order: PiperOrder, model: PiperModel, config: PiperConfig) -> Speech:
    line, rate = order.line, config.audio.sample_rate
    text, starts = line.text, located(line.text, line.words)
    if starts is None:
        text = " ".join(line.words)
        starts = located(text, line.words)
        assert starts is not None
    text = sayable(text, config.language)
    said = pronounced(text, config) if is_word(text) else Pronunciation("", ())
    if all(origin == NOWHERE for origin in said.origins):
        nothing = tuple(Heard(start=0.0, end=0.0, spoken=not is_word(word)) for word in line.words)
        return Speech(sound=np.zeros(0, np.float32), rate=rate, words=nothing)
    owners = speakers(
        said, text, line.words, starts, lambda word: _bare(pronounced(sayable(word, config.language), config))
    )
    sounds: list[Sound] = []
    bounds: list[tuple[int, int]] = []
    for part in parts_of(said):
        uttered = model.utter(said.symbols[part], speed=line.speed, speaker=order.speaker)
        before = sum(map(len, sounds))
        bounds += [(before + start, before + end) for start, end in uttered.bounds]
        sounds.append(uttered.sound)
    sound = np.concatenate(sounds)
    loud = loud_part(sound)
    if loud is None:
        raise PiperError("the model made no sound")
    margin = round(_MARGIN_S * rate)
    cut = slice(max(0, loud[0] - margin), loud[1] + margin)
    times = [((start - cut.start) / rate, (end - cut.start) / rate) for start, end in _within(loud, bounds, owners)]
    words = word_times(owners, times, line.words)
    return Speech(sound=np.clip(sound[cut], -1.0, 1.0), rate=rate, words=words)


def _within(
    loud: tuple[int, int], bounds: Sequence[tuple[int, int]], owners: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """The bounds of the symbols, kept within what is heard; the first and the last word fill it."""
    saying = [index for index, owner in enumerate(owners) if owner != NOWHERE]
    for index, (start, end) in enumerate(bounds):
        first = loud[0] if index == saying[0] else min(max(start, loud[0]), loud[1])
        last = loud[1] if index == saying[-1] else min(max(end, loud[0]), loud[1])
        yield first, last


def pronounced(text: str, config: PiperConfig) -> Pronunciation:
    """The symbols of a text that the voice knows, with their places in what is written. Raises EspeakError."""
    form = spoken_form(text, config.language)
    said = pronunciation(form.text, transcribe(form.text, config.espeak.voice))
    known = [index for index, symbol in enumerate(said.symbols) if symbol in config.phoneme_id_map]
    origins = (said.origins[index] for index in known)
    return Pronunciation(
        "".join(said.symbols[index] for index in known),
        tuple(
            NOWHERE if origin == NOWHERE else form.origins[min(origin, len(form.origins) - 1)] for origin in origins
        ),
    )


def _bare(said: Pronunciation) -> str:
    return "".join(symbol for symbol, origin in zip(said.symbols, said.origins, strict=True) if origin != NOWHERE)


def _beginning(text: str) -> str:
    return f"{text[:60]!r}"


@lru_cache(maxsize=1)
def _loaded(model: Path, config: Path) -> tuple[PiperModel, PiperConfig]:
    read = read_config(config)
    return PiperModel(model, read), read
