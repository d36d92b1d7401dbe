"""espeak-ng, by its C interface: how a text is said, in phonemes, and which of them belong to which place in it;
and the text as it says it itself.

The library is under the GPL: it is loaded in worker children alone, and nothing of it is part of Beatloom (ADR 23).
It has one state for the whole process, so that calls must not overlap.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import espeakng_loader
import numpy as np
import numpy.typing as npt

_SYNCHRONOUS = 2
_UTF8 = 1
_EVENTS, _EVENTS_IN_IPA, _NEVER_EXIT = 0x0001, 0x0002, 0x8000
_IPA = 0x02
_END_OF_LIST, _WORD, _CLAUSE_END, _PHONEME = 0, 1, 5, 7
_OK = 0


class EspeakError(Exception):
    """espeak-ng can't be had, or has no such language."""


class Place(NamedTuple):
    """Phonemes, and the place of the text that they say."""

    at: int
    """Index of a character."""
    phonemes: str


class Transcript(NamedTuple):
    """How a text is said."""

    clauses: tuple[str, ...]
    """IPA, words apart by spaces, without punctuation: what Piper voices are trained on."""
    places: tuple[Place, ...]
    """The same once more, nearly letter by letter, as the synthesizer tells it."""
    pauses: tuple[int, ...]
    """Where clauses end that a pause follows: an abbreviation's dot ends a clause without one. Each is the index of
    the next clause's first character, or nearly."""


def transcribe(text: str, language: str) -> Transcript:
    """How a voice of espeak-ng says the text. language: by espeak's names, as en-us. Raises EspeakError."""
    library = _library()
    if library.espeak_SetVoiceByName(language.encode()) != _OK:
        raise EspeakError(f"espeak-ng has no voice {language!r}")
    encoded = text.replace("\0", " ").encode(errors="replace")
    return Transcript(_clauses(library, encoded), *_synthesized(library, encoded))


class Utterance(NamedTuple):
    """A text as espeak-ng itself says it: plainly, like a machine."""

    sound: npt.NDArray[np.float32]
    rate: int
    """Hz."""
    words: tuple[tuple[int, float], ...]
    """Index of a character, and the second at which what stands there begins; in order."""


def utter(text: str, language: str) -> Utterance:
    """Say the text. language: by espeak's names, as en-us. A call differs from the one before by some samples.

    Raises EspeakError.
    """
    library = _library()
    if library.espeak_SetVoiceByName(language.encode()) != _OK:
        raise EspeakError(f"espeak-ng has no voice {language!r}")
    waves: list[npt.NDArray[np.int16]] = [np.zeros(0, np.int16)]
    words: list[tuple[int, float]] = []

    def heard(wave: int | None, samples: int, events: ctypes._Pointer[_Event]) -> int:
        if wave and samples > 0:
            waves.append(np.frombuffer(ctypes.string_at(wave, 2 * samples), np.int16))
        index = 0
        while (event := events[index]).type != _END_OF_LIST:
            index += 1
            if event.type == _WORD:
                words.append((event.text_position - 1, event.sample / _RATE))
        return 0

    _synthesize(library, text.replace("\0", " ").encode(errors="replace"), heard)
    sound = np.concatenate(waves).astype(np.float32) / np.float32(32768)
    return Utterance(sound, _RATE, tuple(sorted(words)))


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))
_RATE = 22_050
_PAUSE_SAMPLES = 1000
"""Of espeak's own 22 050 a second: a clause's end takes 3000 or more, an abbreviation's 154."""


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
    except OSError as error:
        raise EspeakError(f"espeak-ng can't be loaded: {error}") from error
    options = _EVENTS | _EVENTS_IN_IPA | _NEVER_EXIT
    data = str(espeakng_loader.get_data_path()).encode()
    if library.espeak_Initialize(_SYNCHRONOUS, 0, data, options) != _RATE:
        raise EspeakError("espeak-ng finds none of its data")
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    return library


def _clauses(library: ctypes.CDLL, encoded: bytes) -> tuple[str, ...]:
    clauses = []
    rest = ctypes.c_char_p(encoded + b" ")  # else a last letter or digit after an abbreviation is lost
    while rest.value:
        said: bytes = library.espeak_TextToPhonemes(ctypes.pointer(rest), _UTF8, _IPA)
        clauses.append(said.decode(errors="replace"))
    return tuple(clauses)


def _synthesized(library: ctypes.CDLL, encoded: bytes) -> tuple[tuple[Place, ...], tuple[int, ...]]:
    places: list[Place] = []
    pauses: list[int] = []
    sounding, silent_from = False, 0

    def heard(_wave: int | None, _samples: int, events: ctypes._Pointer[_Event]) -> int:
        nonlocal sounding, silent_from
        index = 0
        while (event := events[index]).type != _END_OF_LIST:
            index += 1
            if event.type == _WORD:
                places.append(Place(event.text_position - 1, ""))
            elif event.type == _CLAUSE_END and event.sample - silent_from >= _PAUSE_SAMPLES:
                pauses.append(event.text_position)
            elif event.type == _PHONEME and (said := bytes(event.id.string).decode(errors="ignore")):
                sounding = True
                if places:
                    places[-1] = Place(places[-1].at, places[-1].phonemes + said)
            elif event.type == _PHONEME and sounding:
                sounding, silent_from = False, event.sample
        return 0

    _synthesize(library, encoded, heard)
    return tuple(places), tuple(pauses)


def _synthesize(library: ctypes.CDLL, encoded: bytes, heard: Callable[..., int]) -> None:
    callback = _Callback(heard)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None) != _OK:
        raise EspeakError("espeak-ng could not say the text")
