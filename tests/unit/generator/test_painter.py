"""From a shot to frames: the lead counts, pictures that show nothing are left out, frames lie in song time."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from libs.contracts.analysis import EnergyPoint
from libs.picture.load import Picture
from services.generator.builtin.picture.framing import framed
from tests.unit.generator.scenes import painter, shot, soft_picture, song


def test_the_clip_begins_its_lead_before_the_scene() -> None:
    plain = painter(shot("silk", start=60, frames=40))
    with_lead = painter(shot("silk", start=60, frames=40, lead=10))
    assert with_lead.first == plain.first - 10
    assert len(list(with_lead.frames())) == 40


def test_the_music_is_heard_at_the_video_s_time_not_the_clip_s() -> None:
    """The same scene with and without a lead shows the same beat in the same frame of the video."""
    plain = painter(shot("blobs", start=60, frames=40))
    with_lead = painter(shot("blobs", start=60, frames=40, lead=10))
    assert plain.moment(0).time == with_lead.moment(10).time == 2.0
    assert plain.moment(0).pulse == with_lead.moment(10).pulse > 0.5


def test_quiet_passages_pulse_softly() -> None:
    loud, quiet = (
        painter(shot("blobs"), analysis=msgspec.structs.replace(song(), energy=(EnergyPoint(time=0, value=value),)))
        for value in (1.0, 0.0)
    )
    assert 0 < quiet.moment(0).pulse < 0.7 * loud.moment(0).pulse


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((400, 600, 3), 90, np.uint8),
        np.random.default_rng(1).integers(0, 255, (20, 900, 3)).astype(np.uint8),
    ],
    ids=["a dot", "a plain colour", "a thread"],
)
def test_pictures_that_show_nothing_give_way_to_art(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> None:
    drawn = painter(shot("auto"), picture=Picture(pixels))
    assert drawn.look_name not in ("duotone", "halftone", "matte")
    assert drawn.frame(0).std() > 8.0


@pytest.mark.parametrize(("rows", "columns"), [(60, 60), (1200, 90), (90, 1200), (300, 500), (1500, 1000)])
def test_pictures_of_any_shape_cover_the_frame(rows: int, columns: int) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (rows, columns, 3)).astype(np.uint8)
    for width, height in ((192, 108), (108, 192)):
        framing = framed(Picture(noise), width, height, 1.04)
        half_x, half_y = width * framing.scale / 2, height * framing.scale / 2
        tall, wide = framing.tone.shape
        assert half_x - 1 <= framing.centre[0] <= wide - half_x + 1
        assert half_y - 1 <= framing.centre[1] <= tall - half_y + 1
        assert painter(shot("duotone"), picture=Picture(noise), width=width, height=height).frame(9).std() > 4.0


def test_a_soft_picture_counts_as_one() -> None:
    assert soft_picture().telling
