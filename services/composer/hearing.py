"""The finished file's sound, measured against the song. For a worker child."""

from __future__ import annotations

from pathlib import Path

import msgspec

from libs.measure.bits import BitRate
from libs.measure.ear import Ear
from libs.measure.music import Music
from libs.media.loudness import Loudness
from libs.media.sound import mono_chunks
from libs.media.track import hear_track
from libs.runtime.worker import report
from services.composer.lag import RATE, Beside, Excerpts


class SoundMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard. `codec` is empty when there is no sound at all."""

    codec: str
    seconds: float
    song_seconds: float
    song_silent: bool
    lag_seconds: float | None
    likeness: float
    music: Music
    """What is heard in the song."""
    loudness: Loudness | None = None
    rate: BitRate | None = None


def measure_sound(path: str, song: str) -> SoundMeasure:
    """Decodes both sounds and lays one on the other, each on its own clock's picture: frame 0 is time 0.

    Neither is ever in memory as a whole.
    """
    ear, reference = Ear(RATE), Excerpts()
    for chunk in mono_chunks(Path(song), RATE):
        ear.add(chunk)
        reference.add(chunk)
    music = ear.music()
    report(0.4, "listening")
    beside = Beside(reference.loudest())
    track = hear_track(Path(path), RATE, beside.add)
    if track is None:
        return SoundMeasure(
            codec="",
            seconds=0,
            song_seconds=reference.size / RATE,
            song_silent=reference.silent,
            lag_seconds=None,
            likeness=0,
            music=music,
        )
    report(0.8, "listening")
    found = beside.lag()
    seconds = track.start + track.seconds
    return SoundMeasure(
        codec=track.codec,
        seconds=seconds,
        song_seconds=reference.size / RATE,
        song_silent=reference.silent,
        lag_seconds=None if found is None else found.seconds + track.start,
        likeness=0.0 if found is None else found.likeness,
        music=music,
        loudness=track.loudness,
        rate=track.bits.rate(seconds),
    )
