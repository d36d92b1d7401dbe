"""The camera: where it is at a moment of the shot. Pure arithmetic, in parts of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, radians, sin

import numpy as np
import numpy.typing as npt

from libs.contracts.storyboard import Camera

PUSH_A_SECOND = (0.014, 0.026)
"""Scale gained a second, for a camera of amount 0 and 1."""
DRIFT_A_SECOND = (0.007, 0.016)
"""Parts of the frame's width or height travelled a second."""
HANDHELD = 0.004
"""Parts of the width that a held camera sways."""


@dataclass(frozen=True)
class Pose:
    """Scale of the picture (1: as framed), shift of the view in parts of the frame, roll in degrees."""

    scale: float
    right: float
    down: float
    roll: float = 0.0


def pose_at(camera: Camera, seconds: float, total: float, phase: float) -> Pose:
    """The pose `seconds` into a shot of `total` seconds; `phase` (0..1, by seed) sets the sway apart.

    Each move starts and ends around the framing, so that the first and last frame differ the same way.
    """
    amount = min(max(camera.amount, 0.0), 1.0)
    push = PUSH_A_SECOND[0] + (PUSH_A_SECOND[1] - PUSH_A_SECOND[0]) * amount
    drift = DRIFT_A_SECOND[0] + (DRIFT_A_SECOND[1] - DRIFT_A_SECOND[0]) * amount
    travel = push * min(total, 12.0)
    along = seconds / max(total, 1e-6)
    centred = (along - 0.5) * drift * min(total, 12.0)
    creep = 1.02 + 0.5 * travel * along
    sway = 2.0 * pi * (phase + seconds * 0.13)
    right, down = 0.003 * sin(sway), 0.002 * cos(1.3 * sway)
    match camera.move:
        case "pull":
            pose = Pose(1.02 + travel * (1.0 - along), right, down)
        case "pan_left":
            pose = Pose(creep, right - centred, down)
        case "pan_right":
            pose = Pose(creep, right + centred, down)
        case "tilt_up":
            pose = Pose(creep, right, down - centred)
        case "tilt_down":
            pose = Pose(creep, right, down + centred)
        case "orbit":
            turn = 2.0 * pi * (phase + along * 0.35)
            radius = 0.012 + 0.01 * amount
            pose = Pose(creep + 0.02, radius * cos(turn), radius * sin(turn), 0.5 * sin(turn))
        case "handheld":
            held = HANDHELD * (0.6 + amount)
            slow, quick = 2.0 * pi * (0.3 * seconds + phase), 2.0 * pi * (0.97 * seconds + 3.1 * phase)
            right = held * (sin(slow) + 0.35 * sin(quick))
            down = held * (cos(1.21 * slow) + 0.35 * cos(1.13 * quick))
            pose = Pose(creep + 0.01, right, down, 0.06 * sin(0.8 * slow))
        case _:
            pose = Pose(1.02 + travel * along, right, down)
    return pose


def frame_to_source(
    pose: Pose, width: int, height: int, centre: tuple[float, float], source_scale: float
) -> npt.NDArray[np.float64]:
    """The 2 x 3 matrix from frame pixels to source pixels.

    centre: the source pixel in the middle of the frame at rest. source_scale: source pixels for each
    frame pixel at scale 1.
    """
    step = source_scale / pose.scale
    across, up = step * cos(radians(pose.roll)), step * sin(radians(pose.roll))
    middle_x = centre[0] + pose.right * width * source_scale
    middle_y = centre[1] + pose.down * height * source_scale
    half_x, half_y = (width - 1) / 2.0, (height - 1) / 2.0
    return np.array(
        [
            [across, -up, middle_x - across * half_x + up * half_y],
            [up, across, middle_y - up * half_x - across * half_y],
        ]
    )
