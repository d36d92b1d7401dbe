"""Joining segments and sound into one MP4 by copying packets, with times that are computed, never copied.

For a worker child. One- and two-frame segments carry no decoding delay of their own, so a segment's decoding
times are never trusted: presentation is the segment's start plus the frame's place in it, decoding is the
packet's number less the encoder's delay.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec

from libs.contracts.errors import Permanent
from libs.media.sound import open_media, sound_starts
from libs.runtime.disk import full_disk_is_retryable
from services.composer.encode import track_timescale

DELAY = 2
"""Frames of decoding delay that x264 has at `-bf 3`: checked against every segment."""


class SegmentHead(msgspec.Struct, frozen=True):
    """What must be the same in all segments, and the number of packets."""

    packets: int
    extradata: bytes
    width: int
    height: int


def _open_segment(path: str) -> Any:
    return av.open(path, format="mov", options={"protocol_whitelist": "file"})


def read_head(path: str) -> SegmentHead:
    """A segment's packets counted, with its decoder's parameters."""
    with _open_segment(path) as container:
        stream = container.streams.video[0]
        packets = sum(1 for packet in container.demux(stream) if packet.size)
        context = stream.codec_context
        return SegmentHead(packets, context.extradata or b"", context.width, context.height)


def check_head(head: SegmentHead, frames: int, width: int, height: int) -> None:
    """Raises `Permanent("output_check_failed")` when a segment isn't what was ordered."""
    if head.packets != frames:
        raise Permanent("output_check_failed", f"A segment has {head.packets} frames, not {frames}.")
    if (head.width, head.height) != (width, height) or not head.extradata:
        raise Permanent("output_check_failed", f"A segment is {head.width}x{head.height}, not {width}x{height}.")


def join(segments: Sequence[tuple[str, int]], fps: Fraction, sound: str, output: str) -> None:
    """Writes `output` from segments (path, frames) in order and the sound's first stream, all packets copied.

    The sound's first sample is heard with the first frame; what lies beyond the last frame is left out.
    Raises `Permanent("output_check_failed")` when the segments don't fit each other, `Retryable("no_space")`.
    """
    options = {
        "movflags": "+faststart",
        "video_track_timescale": str(track_timescale(fps)),
        "movie_timescale": str(track_timescale(fps)),
    }
    length = Fraction(sum(frames for _, frames in segments)) / fps
    with (
        full_disk_is_retryable(),
        av.open(output, "w", format="mp4", options=options) as out,
        _open_segment(segments[0][0]) as first,
        open_media(Path(sound)) as song,
    ):
        extradata = first.streams.video[0].codec_context.extradata or b""
        video = out.add_stream_from_template(first.streams.video[0])
        video.time_base = 1 / fps
        audio = out.add_stream_from_template(song.streams.audio[0])
        audio.time_base = song.streams.audio[0].time_base
        pictures = _video_packets(segments, fps, video, extradata)
        sounds = _audio_packets(song, audio, sound_starts(Path(sound)), length)
        for _, _, packet in heapq.merge(pictures, sounds, key=lambda one: one[:2]):
            out.mux(packet)


_Timed = tuple[Fraction, int, Any]
"""Seconds at which a packet is decoded, a rank that parts equals, the packet."""


def _video_packets(
    segments: Sequence[tuple[str, int]], fps: Fraction, stream: Any, extradata: bytes
) -> Iterator[_Timed]:
    start = 0
    for path, frames in segments:
        with _open_segment(path) as container:
            source = container.streams.video[0]
            if (source.codec_context.extradata or b"") != extradata:
                raise Permanent("output_check_failed", "The segments' encoders don't agree.")
            packets = [packet for packet in container.demux(source) if packet.size]
            if len(packets) != frames:
                raise Permanent("output_check_failed", f"A segment has {len(packets)} frames, not {frames}.")
            earliest = min(packet.pts for packet in packets)
            for number, packet in enumerate(packets):
                place = (packet.pts - earliest) * source.time_base * fps
                if place.denominator != 1 or place < number - DELAY:
                    raise Permanent("output_check_failed", "A segment's frames are off their grid.")
                packet.stream = stream
                packet.time_base = 1 / fps
                packet.pts = start + int(place)
                packet.dts = start + number - DELAY
                packet.duration = 1
                yield packet.dts / fps, 0, packet
        start += frames


def _audio_packets(container: Any, stream: Any, heard_from: Fraction, length: Fraction) -> Iterator[_Timed]:
    source = container.streams.audio[0]
    base: Fraction = source.time_base
    shift = round(heard_from / base)
    end = int(length / base)
    for packet in container.demux(source):
        if not packet.size or packet.pts is None:
            continue
        at = packet.pts - shift
        if at >= end:
            return
        packet.stream = stream
        packet.time_base = base
        packet.pts = packet.dts = at
        if packet.duration:
            packet.duration = min(packet.duration, end - at)
        yield at * base, 1, packet
