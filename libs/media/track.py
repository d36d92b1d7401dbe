"""A file's sound track, decoded once for all that is measured of it. For a child process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import av

from libs.measure.bits import BitMeter
from libs.media.loudness import Loudness, LoudnessMeter
from libs.media.sound import Samples, decoded, mono, open_media, resampled


class Track(NamedTuple):
    """The first audio stream."""

    codec: str
    seconds: float
    """How long it sounds."""
    start: float
    """Seconds on the file's own clock at which the first sample is heard."""
    begins: float
    """Seconds on that clock at which the file begins."""
    loudness: Loudness | None
    bits: BitMeter


def hear_track(path: Path, rate: int, listen: Callable[[Samples], None]) -> Track | None:
    """The sound track; None when there is none. `listen` is given it chunk by chunk, mono at `rate` Hz.

    Raises Permanent("not_media").
    """
    with open_media(path) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        stream.thread_type = "NONE"
        bits, meter = BitMeter(), LoudnessMeter()
        starts: list[float] = []

        def weigh(packet: Any) -> None:
            bits.add(time_of(packet), packet.size)

        def watched(frames: Iterator[Any]) -> Iterator[Any]:
            for frame in frames:
                if not starts:
                    starts.append(time_of(frame))
                with suppress(av.error.FFmpegError, ValueError):
                    meter.add(frame)
                yield frame

        frames = watched(before_the_break(decoded(container, stream, weigh)))
        size = 0
        for chunk in mono(resampled(frames, rate)):
            listen(chunk)
            size += chunk.size
        start = starts[0] if starts else 0.0
        return Track(stream.codec_context.name, size / rate, start, beginning(container), meter.loudness(), bits)


def before_the_break(frames: Iterator[Any]) -> Iterator[Any]:
    """The same frames, up to where a damaged file seems to get one more stream, which PyAV doesn't bear."""
    with suppress(IndexError):
        yield from frames


def beginning(container: Any) -> float:
    """Seconds on the file's clock at which it begins."""
    return float(container.start_time or 0) / 1e6


def time_of(moment: Any) -> float:
    """Seconds at which a packet or a frame is shown or heard; 0 where it doesn't say."""
    stamp = moment.pts if moment.pts is not None else moment.dts
    return 0.0 if stamp is None or moment.time_base is None else float(stamp * moment.time_base)
