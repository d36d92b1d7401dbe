"""What is asked of the generator: each scene with the handles that its transitions need. Pure."""

from __future__ import annotations

from libs.contracts.storyboard import Scene, Shot


def make_shots(scenes: tuple[Scene, ...]) -> tuple[Shot, ...]:
    """A shot for each scene, in order.

    A crossfade of n frames is centred on its cut, so both neighbours need n/2 frames beyond it.
    """
    shots: list[Shot] = []
    for i, scene in enumerate(scenes):
        lead = scene.transition.frames // 2
        tail = scenes[i + 1].transition.frames // 2 if i + 1 < len(scenes) else 0
        shots.append(Shot(scene=scene, lead=lead, frames=lead + scene.end_frame - scene.start_frame + tail))
    return tuple(shots)
