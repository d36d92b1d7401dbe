"""Spoken sentences become one sound: at their places, at -16 LUFS, silent between. For a worker child."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt

from libs.contracts.errors import Retryable
from libs.media.guards import memory_limit
from libs.media.loudness import Loudness, LoudnessMeter
from libs.media.sound import mono_chunks
from libs.runtime.worker import report
from services.generator.voice.energy import energy_of
from services.generator.voice.level import HOLDS, Curve, Level, leveled, true_peaks
from services.generator.voice.slots import RATE
from services.generator.voice.sound_file import FLAC16, MP3, SoundWriter

TARGET = -16.0
"""LUFS of the narration."""
HIGHEST = -1.0
"""dBTP that no peak exceeds."""
CEILING = 10 ** (-1.5 / 20)
"""What the limiter aims at, as a magnitude. Half a decibel is left for what MP3 and AAC add."""
FADE_S = 0.004
"""In at a sentence's beginning and out at its end: engines may cut where the wave is not at zero."""
MEMORY = 3 << 30
OUTLINE = 1500
"""Peaks of the waveform's outline, at most."""

_NEAR = 0.1
"""LU beside the target at which nobody looks for better."""
_ENOUGH = 0.3
"""LU beside it at which the limiter needs no shorter hold."""
_TRIES = 8
_MOST = 18.0
"""dB by which the highest peak may be lifted above the ceiling, for the limiter to turn down."""
_FLATTEST = 0.1
"""LU that a decibel more is taken to give at least: where much is turned down, it gives little."""
_CHUNK = 1 << 20

Samples = npt.NDArray[np.int16]


class Piece(NamedTuple):
    """A sentence in the narration."""

    path: Path | None
    """Its sound; None: nothing is heard."""
    start: int
    """Of its slot, in samples of the narration; so is `end`."""
    end: int


class Joining(NamedTuple):
    """What becomes of what."""

    pieces: tuple[Piece, ...]
    flac: Path
    mp3: Path


class Joined(NamedTuple):
    """What a narration turned out to be."""

    loudness: Loudness
    energies: tuple[tuple[float, ...], ...]
    """Of each piece: see `energy_of`."""
    peaks: tuple[float, ...]
    """The waveform's outline, 0..1."""


class _Voiced(NamedTuple):
    """A sentence as samples at `RATE`."""

    start: int
    sound: npt.NDArray[np.float32]
    peaks: Curve


def join(order: Joining) -> Joined:
    """Write both files. Raises Retryable("voice_failed") when nothing can be heard."""
    with memory_limit(MEMORY):
        sounds = [_read(piece) for piece in order.pieces]
        energies = tuple(
            energy_of(sound, piece.end - piece.start, RATE)
            for sound, piece in zip(sounds, order.pieces, strict=True)
        )
        voiced = [
            _Voiced(piece.start, sound, true_peaks(sound))
            for sound, piece in zip(sounds, order.pieces, strict=True)
            if len(sound)
        ]
        samples = order.pieces[-1].end
        report(0.3, "finding the level")
        level, loudness = _level(voiced, samples, CEILING)
        if loudness.true_peak > HIGHEST:
            level, loudness = _level(voiced, samples, CEILING * 10 ** ((HIGHEST - loudness.true_peak - 0.1) / 20))
        report(0.6, "writing the sound")
        with SoundWriter(order.flac, RATE, FLAC16) as flac, SoundWriter(order.mp3, RATE, MP3) as mp3:
            for chunk in _heard(voiced, samples, level):
                flac.write(chunk)
                mp3.write(chunk)
    return Joined(loudness, energies, _outline(voiced, samples))


def _read(piece: Piece) -> npt.NDArray[np.float32]:
    """The sentence at the narration's rate, with its fades."""
    if piece.path is None:
        return np.zeros(0, np.float32)
    sound = np.concatenate(list(mono_chunks(piece.path, RATE)))[: piece.end - piece.start]
    ramp = min(round(FADE_S * RATE), len(sound) // 2)
    fade = (0.5 - 0.5 * np.cos(np.pi * (np.arange(ramp) + 0.5) / max(ramp, 1))).astype(np.float32)
    sound[:ramp] *= fade
    sound[len(sound) - ramp :] *= fade[::-1]
    return sound


def _level(voiced: Sequence[_Voiced], samples: int, ceiling: float) -> tuple[Level, Loudness]:
    """What brings the sound to the target, or as near to it as can be; and what it then measures."""
    lowest = ceiling / max((float(one.peaks.max()) for one in voiced), default=math.inf)
    for hold in HOLDS:
        level, loudness = _search(
            Level(lowest, ceiling, hold), lambda level: _measured(_heard(voiced, samples, level))
        )
        if abs(TARGET - loudness.integrated) <= _ENOUGH:
            break
    return level, loudness


def _search(lowest: Level, measure: Callable[[Level], Loudness]) -> tuple[Level, Loudness]:
    """The level that meets the target, or the loudest that may be; and what is measured then. lowest: that at which
    the highest peak lies at the ceiling."""
    lift, slope = 0.0, 1.0
    level, loudness = lowest, measure(lowest)
    for _ in range(_TRIES):
        missing = TARGET - loudness.integrated
        after = min(lift + missing / slope, _MOST)
        if abs(missing) <= _NEAR or after == lift:
            break
        level = lowest._replace(gain=lowest.gain * 10 ** (after / 20))
        before, loudness = loudness, measure(level)
        slope = min(max((loudness.integrated - before.integrated) / (after - lift), _FLATTEST), 1.0)
        lift = after
    return level, loudness


def _measured(chunks: Iterator[Samples]) -> Loudness:
    """Raises Retryable("voice_failed") when nothing can be heard."""
    meter = LoudnessMeter()
    for chunk in chunks:
        frame = av.AudioFrame.from_ndarray(chunk[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        meter.add(frame)
    loudness = meter.loudness()
    if loudness is None:
        raise Retryable("voice_failed", "Nothing of what the voice gave can be heard.")
    return loudness


def _heard(voiced: Sequence[_Voiced], samples: int, level: Level) -> Iterator[Samples]:
    """The narration from its first to its last sample."""
    at = 0
    for one in voiced:
        yield from _silence(one.start - at)
        sound = leveled(one.sound, one.peaks, level)
        yield np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16)
        at = one.start + len(sound)
    yield from _silence(samples - at)


def _silence(samples: int) -> Iterator[Samples]:
    for start in range(0, samples, _CHUNK):
        yield np.zeros(min(_CHUNK, samples - start), np.int16)


def _outline(voiced: Sequence[_Voiced], samples: int) -> tuple[float, ...]:
    """The largest magnitude of each of at most `OUTLINE` equal spans, 0..1 of the largest of all."""
    count = min(OUTLINE, samples)
    largest = np.zeros(count)
    for one in voiced:
        spans = (one.start + np.arange(len(one.sound))) * count // samples
        np.maximum.at(largest, spans, np.abs(one.sound))
    return tuple(np.round(largest / largest.max(), 3).tolist())
