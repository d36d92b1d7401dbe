"""Files of a server become clips: exact frames at another rate and size, and broken ones are told."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from libs.media.encoding import Encoding, Quality
from services.generator.comfyui.conform import Conformed, ConformOrder, conform, filling, shown
from services.generator.comfyui.limits import Limits
from services.generator.comfyui.pieces import Cutting, cut_shot
from tests.unit.generator.scenes import shot

FPS = Fraction(30)
WAN = Limits(fps=16.0, max_frames=81, frame_step=4, frame_rest=1)
SHORT = Limits(fps=16.0, max_frames=33, frame_step=4, frame_rest=1)
ENCODING = Encoding(320, 180, FPS, Quality("ultrafast", 18))


BITS = 7


def picture(number: int, width: int, height: int) -> npt.NDArray[np.uint8]:
    """The frame's number in seven columns, dark or light."""
    frame = np.zeros((height, width, 3), np.uint8)
    for bit in range(BITS):
        frame[:, bit * width // BITS : (bit + 1) * width // BITS] = 220 if number >> bit & 1 else 60
    return frame


def number_of(frame: npt.NDArray[np.uint8]) -> int:
    """What `picture` has written."""
    height, width = frame.shape[:2]
    return sum(1 << bit for bit in range(BITS) if frame[height // 2, (2 * bit + 1) * width // (2 * BITS), 1] > 140)


def write(path: Path, numbers: list[int], *, fps: int = 16, size: tuple[int, int] = (224, 160)) -> Path:
    """A video of these pictures as a server would make it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in numbers:
            frame = av.VideoFrame.from_ndarray(picture(number, *size) if number >= 0 else black(size), "bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def black(size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    return np.zeros((size[1], size[0], 3), np.uint8)


def made(tmp_path: Path, files: list[Path], cutting: Cutting, frames: int) -> tuple[Conformed, list[int]]:
    """How it went, and the number of the model's frame that each frame of the clip shows."""
    out = tmp_path / "clip.mp4"
    answer = conform(ConformOrder(tuple(files), cutting, shot(frames=frames), ENCODING, out))
    if answer.fault:
        assert list(tmp_path.glob("clip*")) == []
        return answer, []
    with av.open(str(out)) as container:
        assert container.streams.video[0].average_rate == FPS
        clip = [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]
    assert clip[0].shape == (180, 320, 3)
    return answer, [number_of(frame) for frame in clip]


def test_one_file_is_shown_at_the_clips_rate_from_the_handle_on(tmp_path: Path) -> None:
    cutting = cut_shot(WAN, frames=60, fps=FPS)
    (piece,) = cutting.pieces
    file = write(tmp_path / "a.mp4", list(range(piece.frames)))
    answer, seen = made(tmp_path, [file], cutting, 60)
    assert answer == Conformed(60)
    assert seen == shown(cutting, 60, FPS)
    assert seen == sorted(seen)
    assert seen[0] > 0
    assert seen[-1] < piece.frames - 1, "handles on both sides"


def test_pieces_follow_each_other_without_their_common_frame(tmp_path: Path) -> None:
    cutting = cut_shot(SHORT, frames=120, fps=FPS)
    assert len(cutting.pieces) > 2
    files = [
        write(tmp_path / f"{piece.start}.mp4", list(range(piece.start, piece.start + piece.frames)))
        for piece in cutting.pieces
    ]
    answer, seen = made(tmp_path, files, cutting, 120)
    assert answer.fault == ""
    assert seen == shown(cutting, 120, FPS)


@pytest.mark.parametrize(
    ("numbers", "fault"),
    [
        (list(range(20)), "too_short"),
        ([3] * 41, "frozen"),
        ([-1] * 41, "black"),
    ],
    ids=["short", "frozen", "black"],
)
def test_a_bad_file_is_told_and_leaves_nothing(tmp_path: Path, numbers: list[int], fault: str) -> None:
    cutting = cut_shot(WAN, frames=60, fps=FPS)
    answer, _ = made(tmp_path, [write(tmp_path / "a.mp4", numbers)], cutting, 60)
    assert (answer.fault, answer.frames) == (fault, 0)
    assert answer.message


@pytest.mark.parametrize("keep", [0.0, 0.4, 0.9])
def test_a_file_that_was_cut_off_is_told(tmp_path: Path, keep: float) -> None:
    cutting = cut_shot(WAN, frames=60, fps=FPS)
    file = write(tmp_path / "a.mp4", list(range(81)))
    file.write_bytes(file.read_bytes()[: int(keep * file.stat().st_size)])
    answer, _ = made(tmp_path, [file], cutting, 60)
    assert answer.fault in ("unreadable", "too_short")


def test_no_video_is_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    cv2.imwrite(str(tmp_path / "a.png"), black((8, 8)))
    (tmp_path / "a.png").rename(file)
    answer, _ = made(tmp_path, [file], cut_shot(WAN, frames=60, fps=FPS), 60)
    assert answer.fault in ("unreadable", "too_short")


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (64, 64), (1281, 721)])
def test_the_picture_fills_the_frame_and_keeps_its_middle(size: tuple[int, int]) -> None:
    frame = black(size)
    cv2.circle(frame, (size[0] // 2, size[1] // 2), min(size) // 8, (255, 255, 255), -1)
    filled = filling(frame, 320, 180)
    assert filled.shape == (180, 320, 3)
    rows, columns = np.nonzero(filled[..., 0] > 128)
    assert abs(rows.mean() - 89.5) < 4
    assert abs(columns.mean() - 159.5) < 4
