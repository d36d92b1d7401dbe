"""What a take is worth after edits: whether it still shows what its scene asks for, and covers it. Pure.

What determined a take's picture is compared with what would determine it now, over the clip's own span. So a change
elsewhere in the song or the storyboard makes nothing stale, and neither does a cut that moves within the clip.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from fractions import Fraction
from typing import Any, Literal

import msgspec

from libs.contracts.analysis import Analysis
from libs.contracts.looks import looks_by_name
from libs.contracts.storyboard import Clip, Scene, Shot
from libs.media.frames import frame_at

Origin = Literal["drawn", "filmed", "own"]
"""Drawn to the music on this machine; made by a model of words and pictures; sent by the user."""
Reason = Literal["words", "picture", "music", "form", "span"]

MATTERS: dict[Origin, tuple[Reason, ...]] = {
    "drawn": ("words", "picture", "music", "form", "span"),
    "filmed": ("words", "form", "span"),
    "own": ("span",),
}
"""What makes a take of each origin stale. Models hear no beats and are told no look. What is drawn ignores the
prompt, but whoever rewrites a prompt wants the scene made anew, by a model if there is one meanwhile."""

MOST_TAKES = 200
"""Of one scene."""
_WORDS = ("prompt", "negative_prompt", "seed", "still", "characters", "performance")
_PICTURE = ("camera", "motion", "energy", "look", "palette", "seed", "text", "motif", "visit", "finale", "variant")
"""Not where it lies, how it begins, nor how it is captioned."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What all takes of a video have in common."""

    fps: str
    width: int
    height: int
    pictures: tuple[str, ...] = ()
    """Digests of the pictures that it is made with."""
    preview: bool = False

    def same_frames(self, other: Form) -> bool:
        """Whether clips of both are of the same size and rate."""
        return (self.fps, self.width, self.height, self.preview) == (
            other.fps,
            other.width,
            other.height,
            other.preview,
        )


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """A clip that was made or sent for a scene."""

    origin: Origin
    clip: Clip
    """As it was delivered: its lead is that of the scene as it was then."""
    shot: Shot | None = None
    """What was asked for; None: not known, so that it counts as stale unless it is the user's own."""
    form: Form | None = None

    @property
    def first(self) -> int:
        """The frame of the video that its first frame was made for."""
        return self.shot.scene.start_frame - self.clip.lead if self.shot is not None else 0


class Score:
    """The music by frames, as takes are compared by. Beats count by the frame they fall on, so that a correction
    too small to be seen changes nothing."""

    def __init__(self, analysis: Analysis, fps: Fraction) -> None:
        self._beats = sorted(
            (frame_at(beat.time, fps), round(beat.strength, 2), beat.downbeat) for beat in analysis.beats
        )
        self._energy = sorted((frame_at(point.time, fps), round(point.value, 2)) for point in analysis.energy)
        self._words = sorted(
            (frame_at(word.start, fps), frame_at(word.end, fps), word.text, word.line)
            for word in analysis.words
            if word.placed
        )

    def heard(self, first: int, frames: int, *, sung: bool) -> list[object]:
        """What is heard from frame `first` on, in frames from there. sung: the words also."""
        end = first + frames
        words = [
            (start - first, stop - first, text, line)
            for start, stop, text, line in (self._words if sung else ())
            if start < end and stop > first
        ]
        beats = [(frame - first, *rest) for frame, *rest in _within(self._beats, first, end)]
        energy = [(frame - first, value) for frame, value in _within(self._energy, first, end)]
        return [beats, energy, words]


def reasons(take: Take, shot: Shot, form: Form, then: Score | None, now: Score) -> tuple[Reason, ...]:
    """Why a take is stale for its scene as it stands; empty when it is not.

    shot, form: what would be asked for now, prompts as they would be sent. then, now: the music that the take was
    made to, if it is known, and the music as it is heard now. Only the clip's own span counts, wherever the cuts
    of its scene are.
    """
    found: list[Reason] = []
    if clip_of(take, shot, form) is None:
        found.append("span")
    if take.origin != "own":
        if take.shot is None or take.form is None or then is None:
            found += ["words", "picture", "music", "form"]
        else:
            found += _changes(take, take.shot.scene, shot.scene)
            if take.form != form:
                found.append("form")
            if then is not now and _music(take, shot.scene, then) != _music(take, shot.scene, now):
                found.append("music")
    return tuple(reason for reason in MATTERS[take.origin] if reason in found)


def varied(seed: int, number: int) -> int:
    """The seed of a scene's take of this number, the first being 0, which has the scene's own."""
    if number == 0:
        return seed
    return int.from_bytes(hashlib.blake2b(f"{seed}/take/{number}".encode(), digest_size=4).digest(), "big")


def is_variation(seed: int, of: int) -> bool:
    """Whether a seed is that of some take of a scene with the seed `of`."""
    return seed == of or any(seed == varied(of, number) for number in range(1, MOST_TAKES + 1))


def draws_words(scene: Scene) -> bool:
    """Whether a clip of the scene has the words in its picture, as far as is known."""
    look = looks_by_name().get(scene.look)
    return _type(scene) != "" or look is None or "words" in look.needs


def clip_of(take: Take, shot: Shot, form: Form) -> Clip | None:
    """Where the take lies under its scene; None when it doesn't cover it, or has frames of another size or rate.

    It stays where it is in the song. One that doesn't follow the music may also go along with its scene.
    """
    scene, clip = shot.scene, take.clip
    if take.form is not None and not take.form.same_frames(form):
        return None
    leads = [] if take.shot is None else [scene.start_frame - take.first]
    if take.origin != "drawn" or take.shot is None:
        leads += [clip.lead, shot.lead]
    for lead in leads:
        if lead >= shot.lead and clip.frames - lead >= shot.frames - shot.lead:
            return msgspec.structs.replace(clip, scene_id=scene.id, lead=lead)
    return None


def _changes(take: Take, was: Scene, now: Scene) -> list[Reason]:
    found: list[Reason] = []
    if is_variation(was.seed, now.seed):
        now = msgspec.structs.replace(now, seed=was.seed)
    if any(getattr(was, name) != getattr(now, name) for name in _WORDS):
        found.append("words")
    if any(getattr(was, name) != getattr(now, name) for name in _PICTURE) or _type(was) != _type(now):
        found.append("picture")
    return found


def _music(take: Take, scene: Scene, score: Score) -> list[object]:
    return score.heard(take.first, take.clip.frames, sung=draws_words(scene))


def _type(scene: Scene) -> str:
    """How the clip has the lyrics in it; captions are laid over it afterwards."""
    return "" if scene.lyrics in ("none", "captions") else scene.lyrics


def _within(rows: list[Any], first: int, end: int) -> list[Any]:
    return rows[bisect_left(rows, first, key=_frame) : bisect_left(rows, end, key=_frame)]


def _frame(row: tuple[int, float]) -> int:
    return row[0]
