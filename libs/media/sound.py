"""Decoded sound. For a child process, or for files that have passed the guards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import numpy.typing as npt

from libs.contracts.errors import Permanent
from libs.media.formats import OPEN_OPTIONS, demuxer_of

if TYPE_CHECKING:
    from collections.abc import Iterable

Samples = npt.NDArray[np.float32]

CHUNK = 1 << 14
"""Samples of each channel that are passed on at once."""


def open_media(path: Path) -> Any:
    """The file as a PyAV container, opened by the one demuxer that its content names.

    Raises `Permanent("not_media")` when the content is of no kind that we open, or can't be opened.
    """
    demuxer = demuxer_of(path)
    if demuxer is None:
        raise Permanent("not_media")
    try:
        return av.open(str(path), format=demuxer, options=OPEN_OPTIONS, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        raise Permanent("not_media") from error


def decoded(container: Any, stream: Any, on_packet: Callable[[Any], None] | None = None) -> Iterator[Any]:
    """The frames of a stream, past damaged packets, up to where the file breaks off; its packets on the way."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            return
        if on_packet is not None and packet.size:
            on_packet(packet)
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def resampled(frames: Iterable[Any], rate: int = 0) -> Iterator[Samples]:
    """Chunks of float32 samples, shape (n, channels), at `rate` Hz (0: as they come), the channels as they are."""
    resampler: Any = None
    setup: tuple[str, str, int] | None = None
    for frame in frames:
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if now != setup:
            yield from _rest(resampler)
            # Packed, since PyAV reads beyond the end of frames with eight planes or more.
            resampler = packer(frame.layout, rate or frame.sample_rate)
            setup = now
        frame.pts = None
        for out in resampler.resample(frame):
            yield _samples(out)
    yield from _rest(resampler)


def packer(layout: Any, rate: int) -> Any:
    """What makes packed float32 frames of `CHUNK` samples: those of codecs are so short that passing each on costs
    more than measuring it."""
    return av.AudioResampler(format="flt", layout=layout, rate=rate, frame_size=CHUNK)


def _rest(resampler: Any) -> Iterator[Samples]:
    """What a resampler still holds."""
    if resampler is not None:
        for out in resampler.resample(None):
            yield _samples(out)


def _samples(packed: Any) -> Samples:
    samples: Samples = packed.to_ndarray().reshape(-1, packed.layout.nb_channels)
    return samples


def mono_chunks(path: Path, rate: int) -> Iterator[Samples]:
    """Chunks of the first audio stream as mono float32 at `rate` Hz: the mean of its channels.

    A truncated or damaged file gives what decodes. Raises `Permanent` not_media or no_audio_stream.
    """
    with open_media(path) as container:
        if not container.streams.audio:
            raise Permanent("no_audio_stream")
        stream = container.streams.audio[0]
        stream.thread_type = "NONE"
        yield from mono(resampled(decoded(container, stream), rate))


def mono(chunks: Iterable[Samples]) -> Iterator[Samples]:
    """Chunks of shape (n,), each the mean of the channels of one of shape (n, channels)."""
    for chunk in chunks:
        yield chunk.mean(axis=1, dtype=np.float32)


def sound_starts(path: Path) -> Fraction:
    """Seconds on the file's own clock at which its first decoded sample is heard (0 where no time is given)."""
    with open_media(path) as container:
        if not container.streams.audio:
            raise Permanent("no_audio_stream")
        stream = container.streams.audio[0]
        for frame in decoded(container, stream):
            if frame.pts is None or frame.time_base is None:
                break
            return Fraction(frame.pts * frame.time_base)
    return Fraction(0)
