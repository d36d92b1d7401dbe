"""The video as segments: scene bodies and transition windows that touch, in whole frames. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from libs.contracts.errors import Permanent
from libs.contracts.storyboard import Clip, Scene, Storyboard


class Source(NamedTuple):
    """Where a segment's frames lie: from frame `first` of a clip on."""

    clip: Clip
    first: int


class Segment(NamedTuple):
    """Frames `start` (included) to `end` (excluded) of the video: one source, or two that are crossfaded."""

    start: int
    end: int
    sources: tuple[Source, ...]

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.end - self.start


class Span(NamedTuple):
    """Frames `start` (included) to `end` (excluded) of the video, and the one or two scenes seen in them."""

    start: int
    end: int
    scenes: tuple[Scene, ...]


class Join(NamedTuple):
    """Where a scene begins, as planned: a cut at `frame`, or a crossfade of `frames` frames centred on it."""

    scene_id: str
    frame: int
    frames: int

    @property
    def kind(self) -> str:
        """cut or crossfade."""
        return "crossfade" if self.frames else "cut"


def joins(storyboard: Storyboard) -> list[Join]:
    """Every planned change of scene, in order."""
    return [Join(scene.id, scene.start_frame, scene.transition.overlap) for scene in storyboard.scenes[1:]]


def segments(storyboard: Storyboard, clips: Iterable[Clip], scene_id: str = "") -> list[Segment]:
    """The segments of the whole video, in order: they touch and add up to the storyboard's frames.

    scene_id: only those of this scene, the transition into it and its body; then no other clips are needed.
    Raises `Permanent("output_check_failed")` when scenes leave a gap, transitions overlap, or a clip is missing
    or doesn't reach as far as it is needed.
    """
    by_scene = {clip.scene_id: clip for clip in clips}
    return [
        Segment(
            span.start, span.end, tuple(_source(scene, by_scene, span.start, span.end) for scene in span.scenes)
        )
        for span in _spans(storyboard)
        if scene_id in ("", span.scenes[-1].id)
    ]


def _spans(storyboard: Storyboard) -> list[Span]:
    scenes = storyboard.scenes
    found: list[Span] = []
    at = 0
    for index, scene in enumerate(scenes):
        half = scene.transition.overlap // 2 if index else 0
        if half:
            window = Span(scene.start_frame - half, scene.start_frame + half, (scenes[index - 1], scene))
            found.append(_touching(window, at))
            at = window.end
        following = scenes[index + 1].transition.overlap // 2 if index + 1 < len(scenes) else 0
        end = scene.end_frame - following
        if end > at or not found:
            found.append(_touching(Span(at, end, (scene,)), at))
            at = end
        elif end < at:
            raise Permanent("output_check_failed", f"The transitions of scene {scene.id} overlap.")
    if at != storyboard.frames:
        raise Permanent("output_check_failed", f"The scenes end at frame {at}, not at {storyboard.frames}.")
    return found


def _touching(span: Span, at: int) -> Span:
    if span.start != at or span.end <= span.start:
        raise Permanent("output_check_failed", f"The plan breaks at frame {at}.")
    return span


def _source(scene: Scene, clips: Mapping[str, Clip], start: int, end: int) -> Source:
    """The part of a scene's clip that lies at frames start to end of the video."""
    clip = clips.get(scene.id)
    if clip is None:
        raise Permanent("output_check_failed", f"Scene {scene.id} has no clip.")
    first = start - scene.start_frame + clip.lead
    if first < 0 or first + end - start > clip.frames:
        raise Permanent("output_check_failed", f"The clip of scene {scene.id} is too short.")
    return Source(clip, first)
