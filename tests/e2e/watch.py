"""Looking at and listening to a finished video, apart from the product's own report."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 8000
"""Samples a second at which sounds are compared."""


@dataclass(frozen=True)
class Seen:
    """What is in the file."""

    frames: int
    width: int
    height: int
    rate: Fraction
    seconds: float
    even: bool
    """Every frame follows the one before it by exactly one frame's time."""
    change: NDArray[np.float64]
    """change[n]: mean difference between frames n-1 and n, small, 0..255; change[0] is 0."""
    light: NDArray[np.float64]
    """Mean luma of each frame, 0..255."""


def see(path: Path) -> Seen:
    """Decode the picture, small."""
    change, light, times = [0.0], [], []
    last: NDArray[np.int16] | None = None
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        rate, base = stream.average_rate, stream.time_base
        assert rate is not None
        assert base is not None
        width, height = stream.codec_context.width, stream.codec_context.height
        for frame in file.decode(stream):
            small = frame.reformat(width=64, height=36, format="rgb24").to_ndarray().astype(np.int16)
            if last is not None:
                change.append(float(np.abs(small - last).mean()))
            light.append(float(small.mean()))
            assert frame.pts is not None
            times.append(frame.pts * base)
            last = small
    steps = {later - earlier for earlier, later in itertools.pairwise(times)}
    return Seen(
        frames=len(times),
        width=width,
        height=height,
        rate=rate,
        seconds=float(times[-1] - times[0] + 1 / rate),
        even=steps == {1 / rate} and times[0] == 0,
        change=np.array(change),
        light=np.array(light),
    )


def cut_near(seen: Seen, frame: int, *, reach: int = 8) -> int:
    """The frame near `frame` at which the picture changes most."""
    start = max(frame - reach, 1)
    return start + int(np.argmax(seen.change[start : frame + reach + 1]))


def hear(path: Path) -> NDArray[np.float64]:
    """The sound as mono at `RATE`, from time 0 of the file."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    parts = []
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
        parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float64)


def lag_ms(video: NDArray[np.float64], song: NDArray[np.float64]) -> tuple[float, float]:
    """How late the video's sound is, in ms, and how alike both are (-1..1), over the first minute."""
    length = min(len(video), len(song), 60 * RATE)
    one, two = (sound[:length] - sound[:length].mean() for sound in (video, song))
    size = 1 << (2 * length).bit_length()
    cross = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(two, size)), size)
    reach = RATE // 4
    near = np.concatenate((cross[-reach:], cross[: reach + 1]))
    best = int(np.argmax(near))
    return 1000 * (best - reach) / RATE, float(near[best] / np.sqrt((one @ one) * (two @ two)))


def nearest(times: NDArray[np.float64], time: float) -> float:
    """Distance in seconds from `time` to the nearest of `times`."""
    return float(np.abs(times - time).min())
