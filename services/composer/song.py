"""The song as the video's sound: its own packets where players take them exactly, else AAC made once.

A copied MP3 plays 24 ms early in Chromium and ALAC is silent there; AAC-LC from MP4 and, on request, FLAC are
copied.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg as graph
import msgspec

from libs.contracts.errors import Permanent
from libs.media.formats import demuxer_of
from libs.media.sound import open_media

BIT_RATE = "256k"


class SongTrack(msgspec.Struct, frozen=True, kw_only=True):
    """The song's sound stream, as the choice between copy and AAC needs it."""

    demuxer: str
    codec: str
    profile: str
    channels: int
    rate: int


def read_track(path: str) -> SongTrack:
    """For a worker child: what the file's first sound stream is. Raises `Permanent` not_media, no_audio_stream."""
    file = Path(path)
    demuxer = demuxer_of(file) or ""
    with open_media(file) as container:
        if not container.streams.audio:
            raise Permanent("no_audio_stream")
        stream: Any = container.streams.audio[0]
        context = stream.codec_context
        return SongTrack(
            demuxer=demuxer,
            codec=context.name,
            profile=str(stream.profile or ""),
            channels=context.channels,
            rate=context.sample_rate,
        )


def is_copied(track: SongTrack, *, lossless: bool) -> bool:
    """True when the song's own packets go into the video."""
    if track.codec == "aac":
        return track.demuxer == "mov" and track.profile == "LC" and track.channels in (1, 2)
    return lossless and track.codec == "flac" and track.channels in (1, 2)


def output_rate(rate: int) -> int:
    """44.1 or 48 kHz, whichever the song's rate belongs to."""
    return 44100 if rate % 11025 == 0 else 48000


def encode_args(song: Path, track: SongTrack, beyond: Fraction, output: Path, *, quick: bool = False) -> list[str]:
    """Arguments that make AAC of the song, stereo, and of `beyond` seconds of silence after it.

    Sample 0 is the first that decodes: the file's own clock, with its gaps and delays, is left aside.
    quick: in a third of the time, for previews.
    """
    rate = output_rate(track.rate)
    source = graph.input(str(song), f=track.demuxer, protocol_whitelist="file", threads=1)
    sound = source["a:0"].filter("asetpts", "N/SR/TB")
    if track.channels == 1:
        sound = sound.filter("channelmap", map="0|0", channel_layout="stereo")
    sound = sound.filter("aresample", rate, out_chlayout="stereo", rematrix_maxval="1.0")
    sound = sound.filter("aformat", sample_fmts="fltp", sample_rates=rate, channel_layouts="stereo")
    sound = sound.filter("apad", pad_len=round(beyond * rate))
    return _encoded(sound, output, quick=quick)


def raw_args(samples: Path, rate: int, gain: float, beyond: Fraction, output: Path, *, quick: bool) -> list[str]:
    """The same of raw stereo float32 samples, `gain` dB louder."""
    source = graph.input(str(samples), f="f32le", ar=rate, ac=2, protocol_whitelist="file", threads=1)
    sound = source["a:0"].filter("volume", f"{gain:.3f}dB").filter("apad", pad_len=round(beyond * rate))
    return _encoded(sound, output, quick=quick)


def _encoded(sound: Any, output: Path, *, quick: bool) -> list[str]:
    options: dict[str, Any] = {"c:a": "aac", "b:a": BIT_RATE, "threads": 1, "map_metadata": -1, "f": "mp4"}
    if quick:
        options["aac_coder"] = "fast"
    args: list[str] = sound.output(str(output), **options).get_args()
    return ["-filter_complex_threads", "1", *args]
