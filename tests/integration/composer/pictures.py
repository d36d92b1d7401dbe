"""Pictures that carry their own number, and storyboards made of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from libs.contracts.artifacts import Blob
from libs.contracts.storyboard import Clip, Storyboard
from libs.media.encoding import Encoding, Quality
from libs.media.frames import fps_text
from libs.media.writer import FrameWriter
from tests import storyboards

WIDTH, HEIGHT = 128, 96
BITS = 16
PER_SCENE = 1024
GROUNDS = ((60, 60, 60), (60, 160, 60), (160, 60, 90), (150, 150, 40), (40, 90, 170))
FOREIGN = Quality("veryfast", 8)
"""Not how the composer encodes: clips of it can't be copied."""
BLOB = Blob(sha256="0" * 64, size=1, media_type="video/mp4")

Frame = npt.NDArray[np.uint8]


def numbered(number: int) -> Frame:
    """A picture (96, 128, 3) that shows `number` as 16 blocks, dark or bright, over the ground of its scene."""
    frame = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    frame[:] = GROUNDS[number // PER_SCENE % len(GROUNDS)]
    for bit in range(BITS):
        row, column = divmod(bit, 4)
        frame[row * 24 + 6 : row * 24 + 18, column * 32 + 8 : column * 32 + 24] = 220 if number >> bit & 1 else 16
    return frame


def read_number(frame: Frame) -> int:
    """The number that a picture shows."""
    number = 0
    for bit in range(BITS):
        row, column = divmod(bit, 4)
        block = frame[row * 24 + 9 : row * 24 + 15, column * 32 + 12 : column * 32 + 20]
        number |= int(block.mean() > 118) << bit
    return number


def storyboard(lengths: Sequence[int], overlaps: Sequence[int], fps: Fraction) -> Storyboard:
    """Scenes of these lengths, in the size of the pictures; see `storyboards.storyboard`."""
    return storyboards.storyboard(lengths, overlaps, fps=fps_text(fps), width=WIDTH, height=HEIGHT)


def needed(board: Storyboard, number: int) -> tuple[int, int]:
    """The span of video frames that scene `number`'s clip has to cover."""
    scenes = board.scenes
    lead = scenes[number].transition.frames // 2 if number else 0
    tail = scenes[number + 1].transition.frames // 2 if number + 1 < len(scenes) else 0
    return scenes[number].start_frame - lead, scenes[number].end_frame + tail


def borders(board: Storyboard, number: int) -> set[int]:
    """The frames of scene `number`'s clip where the transition into it is over, and where the next one begins."""
    start, end = needed(board, number)
    scene = board.scenes[number]
    return {2 * (scene.start_frame - start), end - start - 2 * (end - scene.end_frame)} - {0, end - start}


def shown(number: int, frame: int) -> int:
    """The number that scene `number` shows at frame `frame` of the video."""
    return number * PER_SCENE + frame


def write_clip(
    path: Path, board: Storyboard, number: int, *, quality: Quality = FOREIGN, keys: Collection[int] = ()
) -> Clip:
    """The clip of a scene, each frame carrying its number."""
    start, end = needed(board, number)
    with FrameWriter(path, Encoding(WIDTH, HEIGHT, Fraction(board.fps), quality), keys=keys) as writer:
        for frame in range(start, end):
            writer.write(numbered(shown(number, frame)))
    return Clip(
        scene_id=board.scenes[number].id,
        lead=board.scenes[number].start_frame - start,
        frames=end - start,
        blob=BLOB,
    )


def expected(board: Storyboard, frame: int) -> Frame:
    """What frame `frame` of the video shows: one numbered picture, or a mixture of two."""
    index = max(i for i, one in enumerate(board.scenes) if one.start_frame <= frame)
    for later in (index, index + 1):
        if 0 < later < len(board.scenes):
            one = board.scenes[later]
            half = one.transition.frames // 2
            if one.start_frame - half <= frame < one.start_frame + half:
                share = (frame - one.start_frame + half) / one.transition.frames
                old, new = numbered(shown(later - 1, frame)), numbered(shown(later, frame))
                mixed: Frame = np.rint(old * (1 - share) + new * share).astype(np.uint8)
                return mixed
    return numbered(shown(index, frame))


def pictures_of(path: Path) -> tuple[list[Frame], list[Fraction]]:
    """All pictures of a file with their times."""
    frames, times = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None and frame.time_base is not None
            frames.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            times.append(Fraction(frame.pts * frame.time_base))
    return frames, times
