"""Videos of other tools: any codec, any times of frames, with a song's sound or without."""

from __future__ import annotations

import wave
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT = 192, 108
TICKS = 90000
RATE = 22050
Paint = Callable[[float], np.ndarray]


def write_clicks(path: Path, seconds: float, beats: Sequence[float]) -> Path:
    """A song of nothing but its beats, each a hit of noise over a low thud, the first of four the loudest."""
    random = np.random.default_rng(1)
    time = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros_like(time)
    for number, beat in enumerate(beats):
        since = (time - beat).clip(0)
        hit = np.exp(-since / 0.03) * random.standard_normal(time.size) + np.sin(300 * since) * np.exp(-since / 0.1)
        sound += (time >= beat) * hit * (0.2 if number % 4 else 0.3)
    pcm = np.round(32767 * sound / np.abs(sound).max() * 0.7).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(pcm.tobytes())
    return path


def shots(cuts: Sequence[float]) -> Paint:
    """Each shot is a pattern of its own that moves slowly."""
    patterns = [
        np.random.default_rng(seed).integers(30, 220, (10, 30, 3), np.uint8).repeat(14, 0).repeat(14, 1)
        for seed in range(len(cuts) + 1)
    ]

    def paint(at: float) -> np.ndarray:
        pattern = patterns[int(np.searchsorted(np.asarray(cuts), at + 1e-6, "right"))]
        moved = int(at * 12)
        return np.ascontiguousarray(pattern[:HEIGHT, moved : moved + WIDTH])

    return paint


def write_film(
    path: Path,
    paint: Paint,
    times: Sequence[float],
    *,
    codec: str = "libx264",
    song: Path | None = None,
    sound_codec: str = "aac",
    late: float = 0.0,
) -> Path:
    """Frames at these seconds, and the song from `late` on (negative: without its beginning)."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, TICKS)
        stream.codec_context.time_base = Fraction(1, TICKS)
        stream.codec_context.thread_count = 1
        stream.options = {"crf": "18", "b:v": "0", "cpu-used": "8", "deadline": "realtime", "preset": "ultrafast"}
        sound: Any = out.add_stream(sound_codec, rate=48000, layout="stereo") if song is not None else None
        for at in times:
            frame = av.VideoFrame.from_ndarray(paint(at), format="rgb24")
            frame.pts, frame.time_base = round(at * TICKS), Fraction(1, TICKS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None and song is not None:
            for block in _blocks(song, late):
                out.mux(sound.encode(block))
            out.mux(sound.encode(None))
    return path


def _blocks(song: Path, late: float) -> list[av.AudioFrame]:
    with wave.open(str(song)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    shift = round(late * rate)
    samples = np.concatenate([np.zeros(shift, np.int16), samples]) if shift > 0 else samples[-shift:]
    at_48k = np.interp(np.arange(0, samples.size, rate / 48000), np.arange(samples.size), samples / 32768)
    blocks = []
    for first in range(0, at_48k.size, 960):
        block = at_48k[first : first + 960].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.repeat(block, 2)[None], format="flt", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, first, Fraction(1, 48000)
        blocks.append(frame)
    return blocks


def even(seconds: float, fps: float = 30) -> list[float]:
    """Times of the frames of a steady video."""
    return [number / fps for number in range(round(seconds * fps))]
