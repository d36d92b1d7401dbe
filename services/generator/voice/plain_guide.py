"""The guide in languages that the local voice doesn't speak: espeak-ng's own voice. Plain; it knows its times."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from libs.script.words import is_sayable
from services.generator.voice.espeak import EspeakError, utter
from services.generator.voice.piper_words import located
from services.generator.voice.port import Heard, Speech

_ESPEAK = {"en": "en-us", "zh": "cmn", "no": "nb", "tl": "fil"}
"""Its names, where they aren't those of ISO 639-1."""


def plainly_said(text: str, words: tuple[str, ...], language: str) -> Speech | None:
    """The words in a language (ISO 639-1) by espeak-ng; None where it doesn't speak it. For a worker child."""
    starts = located(text, words)
    if starts is None:
        text = " ".join(words)
        starts = located(text, words)
        assert starts is not None
    try:
        said = utter(text, _ESPEAK.get(language, language))
    except EspeakError:
        return None
    if not words or not said.words or not len(said.sound):
        return None
    places, seconds = zip(*said.words, strict=True)
    begins = np.interp(starts, places, seconds)  # what is said in one with the word before lies between
    bounds = pairwise([*begins.tolist(), len(said.sound) / said.rate])
    heard = tuple(
        Heard(start=start, end=end, spoken=is_sayable(word))
        for word, (start, end) in zip(words, bounds, strict=True)
    )
    return Speech(sound=said.sound, rate=said.rate, words=heard)
