"""Parts of a video as they lie in files, and whether they can be copied. For a worker child; decodes nothing.

A part is a segment that was encoded, or a span of a clip that begins with an IDR frame and needs nothing outside
of it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import av
import msgspec

DELAY = 2
"""Frames of decoding delay that x264 has at `-bf 3`: checked against every part."""


IDR = 5
"""The type of an H.264 unit that needs nothing before it."""


class Part(NamedTuple):
    """Frames `first` to `first + frames` of a file, as they are."""

    path: str
    first: int
    frames: int


class Head(msgspec.Struct, frozen=True):
    """What must be the same in all parts of a video."""

    extradata: bytes
    """The decoder's parameters."""
    width: int
    height: int


class Misfit(Exception):
    """Why a part can't be copied."""


def open_video(path: str) -> Any:
    """A video file of our own or a backend's, as a PyAV container."""
    return av.open(path, format="mov", options={"protocol_whitelist": "file"})


def _head(stream: Any) -> Head:
    context = stream.codec_context
    return Head(context.extradata or b"", context.width, context.height)


def read_head(path: str) -> Head:
    """The head of a video file of our own."""
    with open_video(path) as container:
        return _head(container.streams.video[0])


def misfit(part: Part, fps: Fraction, head: Head) -> str:
    """Why the part can't be copied into a video of this rate and head; empty when it can. Decodes nothing."""
    try:
        with open_video(part.path) as container:
            if not container.streams.video:
                return "There is no picture in it."
            packets_of(container, part, fps, head)
    except Misfit as error:
        return str(error)
    except (av.error.FFmpegError, ValueError) as error:
        return f"It can't be read: {error}"
    return ""


def packets_of(container: Any, part: Part, fps: Fraction, head: Head) -> list[tuple[int, Any]]:
    """The part's packets in decoding order, each with its frame's place in the part. Raises `Misfit`."""
    stream = container.streams.video[0]
    if _head(stream) != head:
        raise Misfit("Its encoder is another one.")
    packets = [packet for packet in container.demux(stream) if packet.size]
    if any(packet.pts is None for packet in packets):
        raise Misfit("It has frames without a time.")
    if len(packets) < part.first + part.frames:
        raise Misfit(f"It has {len(packets)} frames, not {part.first + part.frames}.")
    earliest = min((packet.pts for packet in packets), default=0)
    found = []
    for number, packet in enumerate(packets[part.first : part.first + part.frames]):
        place = (packet.pts - earliest) * stream.time_base * fps - part.first
        if place.denominator != 1 or place < number - DELAY:
            raise Misfit("Its frames are off their grid.")
        found.append((int(place), packet))
    if sorted(place for place, _ in found) != list(range(part.frames)):
        raise Misfit("Other frames are decoded among its own.")
    if found[0][0] != 0 or not _is_idr(bytes(found[0][1])):
        raise Misfit("It doesn't begin with a key frame.")
    return found


def _is_idr(data: bytes) -> bool:
    """True when a packet of an MP4 holds an IDR picture: units follow one another, each after its length."""
    at = 0
    while at + 4 < len(data):
        if data[at + 4] & 0x1F == IDR:
            return True
        at += 4 + int.from_bytes(data[at : at + 4])
    return False
