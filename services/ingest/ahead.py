"""What composing can do of a scene while others are still drawn: which scenes, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from libs.contracts.facts import StoryboardPlanned, TakeRendered
from libs.contracts.storyboard import Scene
from libs.contracts.tasks import Conform
from services.ingest.brief import Brief
from services.ingest.state import Heard

AS_THE_VIDEO = frozenset({"builtin", "comfyui", "own"})
"""Backends whose clips are encoded as the video is, so that they are copied."""


def conforms(
    brief: Brief, heard: Heard, board: StoryboardPlanned, takes: Mapping[str, TakeRendered]
) -> Iterator[tuple[str, Conform]]:
    """The conform tasks that are due: of scenes whose clips are there and can't be copied whole.

    Whether words are heard in a scene isn't known here; where none are, such a task ends at once.
    """
    for before, shot in zip([None, *board.shots], board.shots, strict=False):
        scene = shot.scene
        fades_from = [before.scene.id] if before is not None and scene.transition.overlap else []
        shown = [*fades_from, scene.id]
        if not all(scene_id in takes for scene_id in shown):
            continue
        if fades_from or _captioned(brief, heard, scene) or takes[scene.id].backend not in AS_THE_VIDEO:
            yield (
                f"conform.{scene.id}",
                Conform(
                    scene_id=scene.id,
                    analysis=heard.analysis,
                    storyboard=board.storyboard,
                    clips=tuple(takes[scene_id].clip for scene_id in shown),
                    options=brief.options,
                    narrated=heard.narrated,
                ),
            )


def _captioned(brief: Brief, heard: Heard, scene: Scene) -> bool:
    """Whether captions may be laid over the scene."""
    words = brief.lyrics is not None or heard.narrated is not None
    return words and brief.options.captions and scene.lyrics == "captions"
