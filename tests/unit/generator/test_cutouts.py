"""The subject cut out and standing in a frame: clean at its rim, no straight edge in the air, letters readable."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from libs.picture.load import Picture
from libs.picture.subject import Subject
from services.generator.builtin.cutout.cut import Cut, cut_out, snipped, widened
from services.generator.builtin.cutout.hook import Hook, placed, rows_of
from services.generator.builtin.cutout.standing import SOFT, breathing, footing, lay, stand, warped
from services.generator.builtin.looks.stage import Stage
from tests.unit.generator.scenes import MOVES, painter, shot

SIZES = [(1280, 720), (720, 1280), (720, 720)]
Mask = npt.NDArray[np.uint8]


def shape(*parts: tuple[float, float, float, float], height: int = 300, width: int = 240) -> Mask:
    """Boxes (left, top, right, bottom in parts) as a mask."""
    mask = np.zeros((height, width), np.uint8)
    for left, top, right, bottom in parts:
        mask[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 255
    return mask


def cut_of(mask: Mask) -> Cut:
    rows, columns = mask.shape
    pixels = np.random.default_rng(1).integers(0, 255, (rows, columns, 3), dtype=np.uint8)
    return cut_out(Picture(pixels), Subject(mask=mask, box=(0.0, 0.0, 1.0, 1.0), cover=0.3, strength=4.0))


BUST = shape((0.35, 0.1, 0.65, 0.5), (0.15, 0.5, 0.85, 1.0))
WIDE_SHOULDERS = shape((0.35, 0.1, 0.65, 0.5), (0.15, 0.5, 0.85, 1.0), (0.0, 0.8, 1.0, 1.0))
FROM_THE_LEFT = shape((0.0, 0.2, 0.6, 1.0))
BALL = shape((0.3, 0.3, 0.7, 0.6))
BOTTLE = shape((0.4, 0.1, 0.6, 0.9))


def stage_of(width: int, height: int, **kind: object) -> Stage:
    drawn = painter(shot("silk", **kind), width=64, height=36)  # type: ignore[arg-type]
    return replace(drawn.stage, width=width, height=height)


def test_edges_where_the_picture_ended_are_known() -> None:
    assert not footing(cut_of(BUST)).free
    assert footing(cut_of(FROM_THE_LEFT)).left
    assert footing(cut_of(BALL)).free
    assert not footing(cut_of(BOTTLE)).free, "what is tall stands"
    low = footing(cut_of(WIDE_SHOULDERS))
    assert not low.left
    assert not low.right
    assert low.bottom == pytest.approx(0.7 * 300, abs=6.0), "cropped above the cut shoulders"


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("move", MOVES)
def test_no_straight_edge_hangs_in_the_air(size: tuple[int, int], move: str) -> None:
    width, height = size
    stage = stage_of(width, height, move=move, energy=1.0, frames=360)
    for mask, middle in ((BUST, 0.5), (WIDE_SHOULDERS, 0.27), (FROM_THE_LEFT, 0.73), (BOTTLE, 0.6)):
        figure = stand(cut_of(mask), width, height, middle=middle)
        for second in (0.0, 3.7, 8.0, 12.0):
            at = figure.at(breathing(stage, stage.music(second)))
            left, right = at @ (0.0, figure.foot, 1.0), at @ (figure.cut.mask.shape[1], figure.foot, 1.0)
            assert min(left[1], right[1]) >= height
            if mask is FROM_THE_LEFT:
                assert (at @ (0.0, 0.3 * figure.foot, 1.0))[0] <= 0.01 * width


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_is_whole_hangs_whole_and_heads_stay_in_the_frame(size: tuple[int, int]) -> None:
    width, height = size
    stage = stage_of(width, height, move="push", energy=1.0, frames=360)
    for mask in (BALL, BUST):
        figure = stand(cut_of(mask), width, height, middle=0.7)
        for second in (0.0, 6.0, 12.0):
            at = figure.at(breathing(stage, stage.music(second)))
            assert (at @ (0.5 * figure.cut.mask.shape[1], 0.0, 1.0))[1] >= 0.0
            if mask is BALL:
                right, bottom = at @ (figure.cut.mask.shape[1], figure.cut.mask.shape[0], 1.0)
                assert right <= width
                assert bottom <= height


def test_the_old_background_does_not_shine_through() -> None:
    mask = np.zeros((200, 200), np.uint8)
    cv2.circle(mask, (100, 100), 60, 255, -1, cv2.LINE_AA)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 2.0), dtype=np.uint8)
    share = mask[..., None] / 255.0
    pixels = np.rint(np.array([20, 200, 20]) * share + np.array([220, 20, 220]) * (1.0 - share)).astype(np.uint8)
    cut = cut_out(Picture(pixels), Subject(mask=mask, box=(0.2, 0.2, 0.8, 0.8), cover=0.3, strength=4.0))
    seen = cut.colour[cut.mask > 60].astype(int)
    assert (seen[:, 1] - seen[:, 0]).min() > 100, "green to the rim"


def test_layers_are_multiplied_and_lie_where_the_mask_is() -> None:
    figure = stand(cut_of(BUST), 320, 180)
    layer = figure.cut.inked(np.full((256, 1, 3), 200, np.uint8))
    assert np.all(layer[..., :3].max(axis=2) <= layer[..., 3])
    frame = np.full((180, 320, 3), 10, np.uint8)
    at = figure.at(breathing(stage_of(320, 180), stage_of(320, 180).music(0.0)))
    lay(frame, layer, at)
    mask = warped(figure.cut.mask, at, (0, 0, 320, 180))
    assert np.all(frame[mask == 255] >= 199)
    assert np.all(frame[mask == 0] == 10)


def test_a_tiny_subject_is_shown_in_dots() -> None:
    tiny = np.asarray(cv2.resize(BUST, (48, 60), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    table = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    figure = stand(cut_of(tiny), 1280, 720)
    assert figure.scale > SOFT
    body = figure.inked(table, 1.0)[300:500, 200:400, 0]
    assert np.mean((body < 40) | (body > 215)) > 0.7


def test_an_outline_is_wider_by_its_reach_and_scissors_cut_straight() -> None:
    line = widened(BALL, 12.0, 20, 0.0)
    ys, xs = np.nonzero(line >= 128)
    assert int(np.ptp(xs)) + 1 == pytest.approx(0.4 * 240 + 24, abs=3)
    assert int(np.ptp(ys)) + 1 == pytest.approx(0.3 * 300 + 24, abs=3)
    straight = snipped(line, 4.0)
    assert np.mean(straight != line) < 0.05


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("text", ["Tonight", "Run away", "Morning light is falling", "Go"])
def test_hook_rows_stand_in_the_frame_and_are_not_hidden(size: tuple[int, int], text: str) -> None:
    width, height = size
    for row in rows_of(text, width, height, 0.5):
        assert 0 <= row.x <= width - row.alpha.shape[1]
        assert 0 <= row.y <= height - row.alpha.shape[0]
    stage = stage_of(width, height)
    hook = Hook(stage, text, most=0.5, loud=stage.inks.light, quiet=stage.inks.low)
    figure = placed(cut_of(BUST), hook, stage)
    mask = warped(figure.cut.mask, figure.at(breathing(stage, stage.music(0.0))), (0, 0, width, height))
    for row in hook.rows[: hook.first]:
        rows, columns = row.alpha.shape
        over = mask[row.y : row.y + rows, row.x : row.x + columns]
        assert float((row.alpha / 255.0 * over / 255.0).sum()) <= 0.34 * float((row.alpha / 255.0).sum())


def test_words_of_a_hook_keep_their_order_and_nothing_is_drawn_without_any() -> None:
    assert rows_of("", 640, 360, 0.5) == []
    wide = rows_of("one two three four five six", 640, 360, 0.5)
    assert 1 <= len(wide) <= 4
    assert [row.y for row in wide] == sorted(row.y for row in wide)
