"""The video's sound: the song's own packets, or AAC of it, or of a voice and the music under it.

What is encoded is a result of its own.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from fractions import Fraction

import msgspec

from libs.artifacts.results import find_blob, find_record, keep_blob, keep_record
from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.jobs import JobOptions
from libs.contracts.scripts import Narration
from libs.contracts.tasks import Compose, Mix, Narrated
from services.composer.mixing import RATE, Levels, Sounds, mix_narration
from services.composer.song import SongTrack, encode_args, is_copied, raw_args, read_track
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
    levels: Levels | None = None
    """Of a narrated video."""


class _Mixed(msgspec.Struct, frozen=True):
    """What is kept of a mix."""

    aac: Blob
    levels: Levels


async def soundtrack(suite: Suite, order: Compose | Mix) -> Soundtrack:
    """How the song becomes sound; AAC of it, found or made, when it isn't copied. A voice never is."""
    song, options = order.song, order.options
    async with suite.store.local(song) as path:
        track = await suite.tools.child(read_track, str(path))
    if order.narrated is not None:
        mixed = await _mixed(suite, song, order.narrated, options)
        return Soundtrack(track, mixed.aac, mixed.levels)
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


async def _mixed(suite: Suite, voice: Blob, narrated: Narrated, options: JobOptions) -> _Mixed:
    """AAC of the voice and the music under it, found or made."""
    store, settings = suite.store, suite.settings
    bed, bars = narrated.bed, narrated.bed_analysis
    inputs = {
        "voice": voice.sha256,
        "narration": narrated.narration.sha256,
        "bed": None if bed is None else bed.sha256,
        "bars": None if bars is None else bars.sha256,
        "quick": options.preview,
        "tool": settings.shared.ffmpeg,
    }
    key = result_key("mix", VERSION, suite.owner, inputs)
    async with suite.studio.alone(key):
        found = await find_record(store, key, _Mixed)
        if found is not None:
            return found
        narration = await suite.document(narrated.narration, Narration)
        heard = None if bars is None else await suite.document(bars, Analysis)
        raw, output = suite.folder / "mix.raw", suite.folder / "sound.m4a"
        async with AsyncExitStack() as stack:
            spoken = await stack.enter_async_context(store.local(voice))
            music = "" if bed is None else str(await stack.enter_async_context(store.local(bed)))
            sounds = Sounds(str(spoken), music, narration, heard)
            mix = await suite.tools.child(mix_narration, sounds, str(raw))
        async with suite.studio.encoders:
            args = raw_args(raw, RATE, mix.gain, BEYOND, output, quick=options.preview)
            await suite.tools.ffmpeg(args, settings.segment_timeout_s)
        blob = await store.put_file(output, "audio/mp4")
        return await keep_record(store, key, _Mixed(blob, mix.levels))
