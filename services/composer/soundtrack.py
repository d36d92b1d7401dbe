"""The video's sound: the song's own packets, or AAC of it, which is a result of its own."""

from __future__ import annotations

from fractions import Fraction

import msgspec

from libs.artifacts.results import find_blob, keep_blob
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.jobs import JobOptions
from services.composer.song import SongTrack, encode_args, is_copied, read_track
from services.composer.suite import Suite

VERSION = "1"
"""Raised whenever the same song gives other bytes."""
BEYOND = Fraction(1)
"""Seconds of silence after the song. The plan rounds its length to whole frames; joining cuts what lies beyond."""


class Soundtrack(msgspec.Struct, frozen=True):
    """What is heard in the video."""

    track: SongTrack
    aac: Blob | None
    """None: the song's own packets are copied."""


async def soundtrack(suite: Suite, song: Blob, options: JobOptions) -> Soundtrack:
    """How the song becomes sound; AAC of it, found or made, when it isn't copied."""
    async with suite.store.local(song) as path:
        track = await suite.tools.child(read_track, str(path))
    copied = is_copied(track, lossless=options.lossless_audio)
    return Soundtrack(track, None if copied else await aac(suite, song, track, options))


async def aac(suite: Suite, song: Blob, track: SongTrack, options: JobOptions) -> Blob:
    """AAC of the song, found or made."""
    store, settings = suite.store, suite.settings
    inputs = {"song": song.sha256, "quick": options.preview, "tool": settings.shared.ffmpeg}
    key = result_key("soundtrack", VERSION, suite.owner, inputs)
    async with suite.studio.alone(key):
        blob = await find_blob(store, key)
        if blob is not None:
            return blob
        output = suite.folder / "sound.m4a"
        async with store.local(song) as path, suite.studio.encoders:
            args = encode_args(path, track, BEYOND, output, quick=options.preview)
            await suite.tools.ffmpeg(args, settings.segment_timeout_s)
        return await keep_blob(store, key, await store.put_file(output, "audio/mp4"))
