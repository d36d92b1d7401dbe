"""A voice and the music under it become one sound, as loud as it shall be. For a worker child.

Sounds are never in memory as a whole: they lie as raw samples in the scratch folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import msgspec
import numpy as np
import numpy.typing as npt

from libs.contracts.analysis import Analysis
from libs.contracts.errors import Permanent
from libs.contracts.scripts import Narration
from libs.media.frames import parse_fps
from libs.media.loudness import LoudnessMeter
from libs.media.sound import decoded, open_media, resampled
from libs.runtime.disk import full_disk_is_retryable
from libs.runtime.worker import report
from libs.storyboard.music_loop import Loop, loop_of
from services.composer.bed import STEP, Curve, Span, fades, gains, rest_of, speech_of

Stereo = npt.NDArray[np.float32]
"""Samples, shape (n, 2)."""

RATE = 48000
LOUDNESS = -16.0
"""LUFS of the whole."""
PEAK = -1.5
"""dBTP that it may reach before it is encoded, which adds a little."""
USUAL_VOICE = -13.0
"""LUFS of a voice too short to be measured, in both channels."""
JUMP = 0.02
"""What two samples may differ by where sentences are joined, of full scale; above, one hears a click."""
NEAR = 10
"""Samples on both sides of a join that belong to it."""
_BLOCK = RATE
_LISTEN = 4
"""Momentary loudness is that of so many steps."""


class Levels(msgspec.Struct, frozen=True):
    """What a mix is made of, in LUFS and LU, as loud as it is in the finished sound."""

    voice_lufs: float | None
    bed_below_lu: float | None
    clicks: int


class Mix(msgspec.Struct, frozen=True):
    """Raw samples that are to be heard `gain` dB louder."""

    gain: float
    levels: Levels


class Sounds(msgspec.Struct, frozen=True):
    """What is mixed: the paths of the voice and of the music (empty: there is none), and what is known of both."""

    voice: str
    bed: str
    narration: Narration
    heard: Analysis | None
    """The analysis of the music."""

    @property
    def seconds(self) -> float:
        """How long the video is."""
        return float(self.narration.frames / parse_fps(self.narration.fps))


def mix_narration(sounds: Sounds, output: str) -> Mix:
    """Writes the mix as raw stereo float32 at `RATE` Hz, as long as the video.

    Raises `Permanent` not_media or no_audio_stream, `Retryable("no_space")`.
    """
    count, loudness = round(sounds.seconds * RATE), LoudnessMeter()
    with (
        full_disk_is_retryable(),
        Path(output).open("w+b") as mixed,
        Path(f"{output}.bed").open("w+b") as music,
    ):
        length = 0
        for chunk in _stereo(sounds.voice):
            mixed.write(chunk.tobytes())
            loudness.add(_frame(chunk))
            length += len(chunk)
        report(0.3, "mixing")
        found = loudness.loudness()
        mixed.truncate(count * 8)
        clicks = clicks_in(mixed, _joins(sounds.narration), min(length, count))
        below = None
        if sounds.bed:
            long = _looped(sounds, count, music)
            report(0.6, "mixing")
            below = _lay_under(mixed, (music, long), sounds, USUAL_VOICE if found is None else found.integrated)
        gain = _gain(mixed)
        return Mix(gain, Levels(None if found is None else found.integrated + gain, below, clicks))


def clicks_in(sound: BinaryIO, joins: Sequence[int], length: int) -> int:
    """At how many of these samples the sound jumps, so that a click is heard."""
    found = 0
    for join in joins:
        first = max(join - NEAR, 0)
        near = _read(sound, first, min(join + NEAR, length) - first)
        found += len(near) > 1 and float(np.abs(np.diff(near[:, 0])).max()) > JUMP
    return found


def _joins(narration: Narration) -> list[int]:
    """The samples at which a sentence begins, and at which it ends."""
    fps = parse_fps(narration.fps)
    found = []
    for sentence in narration.sentences:
        start = round(Fraction(sentence.start_frame) / fps * RATE)
        found += [start, start + round(sentence.speech_s * RATE)]
    return found


def _looped(sounds: Sounds, count: int, output: BinaryIO) -> int:
    """Writes the music, repeated if it is too short, and says how many samples there are. At most `count` are."""
    length = 0
    for chunk in _stereo(sounds.bed):
        part = chunk[: count - length]
        output.write(part.tobytes())
        length += len(part)
        if length >= count:
            return length
    if length:
        _repeat(output, loop_of(length / RATE, sounds.heard), count)
    return count if length else 0


def _repeat(output: BinaryIO, loop: Loop, count: int) -> None:
    """Repeats the loop up to `count` samples. Its end fades into what lies before its start."""
    first, at, seam = (round(edge * RATE) for edge in loop)
    span = at - first
    angle = np.linspace(0, np.pi / 2, seam, dtype=np.float32)[:, None]
    before, ending = _read(output, first - seam, seam), _read(output, at - seam, seam)
    _write(output, at - seam, ending * np.cos(angle) + before * np.sin(angle))
    while at < count:
        part = _read(output, at - span, min(_BLOCK, span, count - at))
        _write(output, at, part)
        at += len(part)


def _lay_under(mixed: BinaryIO, written: tuple[BinaryIO, int], sounds: Sounds, voice: float) -> float | None:
    """Adds the music, a file and its samples, at its gains; how far it stays below the voice while somebody speaks.
    None: the music is silent. voice: how loud that is."""
    (music, long), speech, seconds = written, speech_of(sounds.narration), sounds.seconds
    meter = LoudnessMeter()
    for start in range(0, long, _BLOCK):
        meter.add(_frame(_read(music, start, min(_BLOCK, long - start))))
    found = meter.loudness()
    if found is None:
        return None
    curve = gains(found.integrated, np.asarray(meter.momentary), rest_of(speech, seconds), voice)
    places = np.arange(curve.size) * STEP
    ducked = LoudnessMeter()
    for start in range(0, long, _BLOCK):
        part = _read(music, start, min(_BLOCK, long - start))
        times = (start + np.arange(len(part))) / RATE
        factor = 10 ** (np.interp(times, places, curve) / 20) * fades(times, seconds)
        part *= factor[:, None].astype(np.float32)
        ducked.add(_frame(part))
        _write(mixed, start, _read(mixed, start, len(part)) + part)
    ducked.loudness()
    return _below(np.asarray(ducked.momentary), speech, voice)


def _below(momentary: Curve, speech: Sequence[Span], voice: float) -> float | None:
    """How far the loudest 0.4 s that lie in speech are below the voice."""
    ends = (np.arange(momentary.size) + 1) * STEP
    begins = ends - _LISTEN * STEP
    spoken = np.zeros(momentary.size, bool)
    for start, end in speech:
        spoken |= (begins >= start) & (ends <= end)
    return float(voice - momentary[spoken].max()) if spoken.any() else None


def _gain(mixed: BinaryIO) -> float:
    """What makes the whole as loud as it shall be, and no peak too high."""
    meter = LoudnessMeter()
    mixed.seek(0)
    while data := mixed.read(_BLOCK * 8):
        meter.add(_frame(np.frombuffer(data, np.float32).reshape(-1, 2)))
    found = meter.loudness()
    return 0.0 if found is None else min(LOUDNESS - found.integrated, PEAK - found.true_peak)


def _stereo(path: str) -> Iterator[Stereo]:
    """The file's sound: one channel in both, two as they are, of more the mean."""
    with open_media(Path(path)) as container:
        if not container.streams.audio:
            raise Permanent("no_audio_stream")
        stream = container.streams.audio[0]
        stream.thread_type = "NONE"
        for chunk in resampled(decoded(container, stream), RATE):
            if chunk.shape[1] == 2:
                yield chunk
            else:
                yield np.repeat(chunk.mean(axis=1, keepdims=True, dtype=np.float32), 2, axis=1)


def _frame(samples: Stereo) -> Any:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="flt", layout="stereo")
    frame.sample_rate = RATE
    return frame


def _read(file: BinaryIO, first: int, count: int) -> Stereo:
    file.seek(first * 8)
    return np.frombuffer(file.read(count * 8), np.float32).reshape(-1, 2).copy()


def _write(file: BinaryIO, first: int, samples: Stereo) -> None:
    file.seek(first * 8)
    file.write(samples.astype(np.float32).tobytes())
