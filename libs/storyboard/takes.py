"""What a take is worth after edits: whether it still shows what its scene asks for, and covers it. Pure.

What determined a take's picture has a fingerprint. It is compared with that of the same span now, so that a change
elsewhere in the song or the storyboard makes nothing stale, and neither does a cut that moves within the clip.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import Literal

import msgspec

from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import Blob
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

_WORDS = ("prompt", "negative_prompt", "seed", "still", "characters")
_PICTURE = ("camera", "motion", "energy", "look", "palette", "seed", "text", "motif", "visit", "finale", "variant")


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What all takes of a video have in common."""

    fps: str
    width: int
    height: int
    pictures: tuple[str, ...] = ()
    """Digests of the pictures that it is made with."""


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """What determined a take's picture, as digests of 16 hex digits."""

    words: str
    """Prompts, seed, reference still and characters."""
    picture: str
    """All else that the scene says of its picture; not where it lies, nor how it begins or is captioned."""
    music: str
    """Beats and energy under the clip, and the sung words if the picture shows them."""
    form: str


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """A clip that was made or sent for a scene."""

    origin: Origin
    blob: Blob
    start_frame: int
    """Where the scene began when it was made; the clip began `lead` frames before."""
    lead: int
    frames: int
    made_of: Fingerprint | None = None
    """None: not known, so that it counts as stale unless it is the user's own."""


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
            for start, stop, text, line in self._words
            if sung and start < end and stop > first
        ]
        beats = [(frame - first, *rest) for frame, *rest in self._beats if first <= frame < end]
        energy = [(frame - first, value) for frame, value in self._energy if first <= frame < end]
        return [beats, energy, words]


def fingerprint(shot: Shot, score: Score, form: Form) -> Fingerprint:
    """What determines the picture of a shot that is to be made. The shot says the prompt as it is sent."""
    first = shot.scene.start_frame - shot.lead
    return _print(shot.scene, score.heard(first, shot.frames, sung=_shows_words(shot.scene)), form)


def reasons(take: Take, shot: Shot, score: Score, form: Form) -> tuple[Reason, ...]:
    """Why a take is stale for its scene as it stands; empty when it is not.

    shot: what would be asked for now. Only what the clip's own span holds counts, wherever its scene's cuts are.
    """
    found: list[Reason] = []
    if clip_of(take, shot) is None:
        found.append("span")
    if take.origin != "own":
        music = score.heard(take.start_frame - take.lead, take.frames, sung=_shows_words(shot.scene))
        now = _print(shot.scene, music, form)
        made_of = take.made_of
        names: tuple[Reason, ...] = ("words", "picture", "music", "form")
        found += [name for name in names if made_of is None or getattr(made_of, name) != getattr(now, name)]
    return tuple(reason for reason in MATTERS[take.origin] if reason in found)


def clip_of(take: Take, shot: Shot) -> Clip | None:
    """Where the take lies under its scene; None when it doesn't cover it.

    It stays where it is in the song. One that doesn't follow the music may also go along with its scene.
    """
    scene = shot.scene
    leads = [take.lead + scene.start_frame - take.start_frame]
    if take.origin != "drawn":
        leads += [take.lead, shot.lead]
    for lead in leads:
        if lead >= shot.lead and take.frames - lead >= shot.frames - shot.lead:
            return Clip(scene_id=scene.id, lead=lead, frames=take.frames, blob=take.blob)
    return None


def _print(scene: Scene, music: list[object], form: Form) -> Fingerprint:
    drawn_words = scene.lyrics if _sets_type(scene) else ""
    return Fingerprint(
        words=_digest([getattr(scene, name) or "" for name in _WORDS]),
        picture=_digest([*(getattr(scene, name) for name in _PICTURE), drawn_words]),
        music=_digest(music),
        form=_digest(form),
    )


def _sets_type(scene: Scene) -> bool:
    """Whether the clip has the lyrics in it: captions are laid over it afterwards."""
    return scene.lyrics not in ("none", "captions")


def _shows_words(scene: Scene) -> bool:
    look = looks_by_name().get(scene.look)
    return _sets_type(scene) or look is None or "words" in look.needs


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:16]
