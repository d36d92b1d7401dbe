"""What is heard in a video, laid beside the song. For a child."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from libs.contracts.errors import BeatloomError, Permanent
from libs.measure.align import offset
from libs.measure.bits import BitRate
from libs.measure.music import RATE as STEPS
from libs.measure.music import Music, hear
from libs.media.guards import memory_limit
from libs.media.loudness import Loudness
from libs.media.sound import Samples, decode_mono
from libs.media.track import hear_track
from services.composer.lag import LIKE, RATE, is_silent, lag

MEMORY = 2 << 30


class Heard(NamedTuple):
    """The sound of a video; `codec` is empty where there is none."""

    codec: str
    seconds: float
    song_seconds: float
    starts_at: float | None
    """Seconds of the video at which the song begins; None when its sound is not the song's."""
    music: Music
    """What is heard in the song."""
    loudness: Loudness | None
    rate: BitRate | None

    def music_from(self, seconds: float) -> Music:
        """The song from this second on; before its beginning there is silence."""
        steps = round(seconds * STEPS)
        if steps >= 0:
            return Music(self.music.onsets[steps:], self.music.energy[steps:])
        silence = np.zeros(-steps)
        return Music(np.concatenate([silence, self.music.onsets]), np.concatenate([silence, self.music.energy]))


def listen(video: str, song: str) -> Heard:
    """Decodes both sounds.

    Raises `Permanent`: not_media, or what the song's decoding raises.
    """
    reference = decode_mono(Path(song), RATE)
    music = hear(reference, RATE)
    try:
        with memory_limit(MEMORY):
            track = hear_track(Path(video), RATE)
    except BeatloomError:
        raise
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise Permanent("not_media", "The video's sound can't be decoded.") from error
    length = reference.size / RATE
    if track is None:
        return Heard("", 0.0, length, None, music, None, None)
    seconds = track.samples.size / RATE
    start = song_start(reference, track.samples, music)
    return Heard(
        codec=track.codec,
        seconds=seconds,
        song_seconds=length,
        starts_at=None if start is None else start + track.start - track.begins,
        music=music,
        loudness=track.loudness,
        rate=track.bits.rate(seconds),
    )


def song_start(reference: Samples, heard: Samples, music: Music) -> float | None:
    """Seconds of `heard` at which the song begins; None when it isn't the song, or either is silent."""
    if is_silent(reference) or is_silent(heard):
        return None
    coarse = round(offset(music.onsets, hear(heard, RATE).onsets) * RATE)
    song, other = reference[max(-coarse, 0) :], heard[max(coarse, 0) :]
    size = min(song.size, other.size)
    fine = lag(song[:size], other)
    if fine is None or fine.likeness < LIKE:
        return None
    return coarse / RATE + fine.seconds
