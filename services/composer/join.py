"""Joining parts of files and sound into one MP4 by copying packets, with times that are computed, never copied.

For a worker child. One- and two-frame segments carry no decoding delay of their own, so a part's decoding
times are never trusted: presentation is the part's start plus the frame's place in it, decoding is the
packet's number less the encoder's delay.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from libs.contracts.errors import Permanent
from libs.media.encoding import track_timescale
from libs.media.sound import open_media, sound_starts
from libs.runtime.disk import full_disk_is_retryable
from services.composer.parts import DELAY, Head, Misfit, Part, open_video, packets_of


def join(parts: Sequence[Part], fps: Fraction, head: Head, sound: str, output: str) -> None:
    """Writes `output` from parts in order and the sound's first stream, all packets copied.

    The sound's first sample is heard with the first frame; what lies beyond the last frame is left out.
    Raises `Permanent("output_check_failed")` when the parts don't fit each other, `Retryable("no_space")`.
    """
    options = {
        "movflags": "+faststart",
        "video_track_timescale": str(track_timescale(fps)),
        "movie_timescale": str(track_timescale(fps)),
    }
    length = Fraction(sum(part.frames for part in parts)) / fps
    with (
        full_disk_is_retryable(),
        av.open(output, "w", format="mp4", options=options) as out,
        open_video(parts[0].path) as first,
        open_media(Path(sound)) as song,
    ):
        video = out.add_stream_from_template(first.streams.video[0])
        video.time_base = 1 / fps
        audio = out.add_stream_from_template(song.streams.audio[0])
        audio.time_base = song.streams.audio[0].time_base
        pictures = _video_packets(parts, fps, head, video)
        sounds = _audio_packets(song, audio, sound_starts(Path(sound)), length)
        for _, _, packet in heapq.merge(pictures, sounds, key=lambda one: one[:2]):
            out.mux(packet)


_Timed = tuple[Fraction, int, Any]
"""Seconds at which a packet is decoded, a rank that parts equals, the packet."""


def _video_packets(parts: Sequence[Part], fps: Fraction, head: Head, stream: Any) -> Iterator[_Timed]:
    start = 0
    for part in parts:
        with open_video(part.path) as container:
            try:
                packets = packets_of(container, part, fps, head)
            except Misfit as error:
                raise Permanent("output_check_failed", f"A part of the video doesn't fit. {error}") from error
            for number, (place, packet) in enumerate(packets):
                packet.stream = stream
                packet.time_base = 1 / fps
                packet.pts = start + place
                packet.dts = start + number - DELAY
                packet.duration = 1
                yield packet.dts / fps, 0, packet
        start += part.frames


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
