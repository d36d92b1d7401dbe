"""What is heard in a video, laid beside the song. For a child."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from libs.contracts.errors import BeatloomError, Permanent
from libs.measure.align import offset
from libs.measure.bits import BitRate
from libs.measure.ear import Ear
from libs.measure.music import RATE as STEPS
from libs.measure.music import Music
from libs.media.guards import memory_limit
from libs.media.loudness import Loudness
from libs.media.sound import Samples, mono_chunks
from libs.media.track import before_the_break, hear_track
from services.composer.lag import LIKE, RATE, Beside, Excerpts

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


class Listener:
    """Takes a sound chunk by chunk, mono at `RATE`: what can be followed in it, its size and its silence."""

    def __init__(self) -> None:
        self.ear = Ear(RATE)
        self.excerpts = Excerpts(RATE)

    def add(self, samples: Samples) -> None:
        """The next samples."""
        self.ear.add(samples)
        self.excerpts.add(samples)


def listen(video: str, song: str) -> Heard:
    """Decodes both sounds, then once more to lay one on the other: neither is in memory as a whole.

    Raises `Permanent`: not_media, or what the song's decoding raises.
    """
    one, other = Listener(), Listener()
    for chunk in mono_chunks(Path(song), RATE):
        one.add(chunk)
    music = one.ear.music()
    length = one.excerpts.size / RATE
    with _of_anyone():
        track = hear_track(Path(video), RATE, other.add)
    if track is None:
        return Heard("", 0.0, length, None, music, None, None)
    start = None
    if not one.excerpts.silent and not other.excerpts.silent:
        late = round(offset(music.onsets, other.ear.music().onsets) * RATE)
        shared = min(one.excerpts.size - max(-late, 0), other.excerpts.size - max(late, 0))
        with _of_anyone():
            start = song_start(video, song, late, shared)
    return Heard(
        codec=track.codec,
        seconds=track.seconds,
        song_seconds=length,
        starts_at=None if start is None else start + track.start - track.begins,
        music=music,
        loudness=track.loudness,
        rate=track.bits.rate(track.seconds),
    )


def song_start(video: str, song: str, late: int, shared: int) -> float | None:
    """Seconds of the video's sound at which the song begins; None when it isn't the song.

    late: about how many samples after the video's first. shared: how many samples both have from there on.
    """
    reference = Excerpts(RATE)
    for chunk in _part(mono_chunks(Path(song), RATE), max(-late, 0), shared):
        reference.add(chunk)
    beside = Beside(reference.loudest(), RATE)
    for chunk in _part(before_the_break(mono_chunks(Path(video), RATE)), max(late, 0)):
        beside.add(chunk)
    fine = beside.lag()
    return None if fine is None or fine.likeness < LIKE else late / RATE + fine.seconds


def _part(chunks: Iterable[Samples], first: int, count: int | None = None) -> Iterator[Samples]:
    """At most `count` samples from the `first` on."""
    for chunk in chunks:
        skipped = min(first, chunk.size)
        part = chunk[skipped:] if count is None else chunk[skipped : skipped + count]
        first -= skipped
        yield part
        if count is not None:
            count -= part.size
            if count == 0:
                return


@contextmanager
def _of_anyone() -> Iterator[None]:
    """The file within is anyone's: its decoder gets a limit, and what it raises becomes `Permanent`."""
    try:
        with memory_limit(MEMORY):
            yield
    except BeatloomError:
        raise
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise Permanent("not_media", "The video's sound can't be decoded.") from error
