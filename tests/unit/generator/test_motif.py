"""The motif: all shapes weigh the same, and turn and move as told."""

from __future__ import annotations

from math import pi

import cv2
import numpy as np
import pytest

from libs.contracts.looks import MOTIFS, Motif
from services.generator.builtin.paint.motif import clearance, outline
from services.generator.builtin.paint.shapes import Image, disc, fill


def drawn(motif: Motif, radius: float, turn: float = 0.0) -> Image:
    image = np.zeros((200, 200), np.uint8)
    fill(image, outline(motif, radius, (100.0, 100.0), turn), 255)
    return image


@pytest.mark.parametrize("motif", MOTIFS)
def test_every_motif_has_the_area_of_its_disc_at_any_turn(motif: Motif) -> None:
    for turn in (0.0, 0.4):
        area = float(drawn(motif, 50.0, turn).sum()) / 255.0
        assert area == pytest.approx(pi * 50.0**2, rel=0.05)


@pytest.mark.parametrize("motif", MOTIFS)
def test_a_disc_of_the_clearance_lies_inside(motif: Motif) -> None:
    image = drawn(motif, 60.0, 0.3)
    hole = image.copy()
    disc(hole, 100.0, 100.0, 60.0 * clearance(motif) - 3.0, 0)
    assert image.sum() > hole.sum()
    inside = np.zeros_like(image)
    disc(inside, 100.0, 100.0, 60.0 * clearance(motif) - 3.0, 255)
    assert cv2.countNonZero(cv2.bitwise_and(inside, cv2.bitwise_not(image))) == 0


def test_the_motifs_are_different_shapes() -> None:
    masks = [drawn(motif, 50.0) for motif in MOTIFS]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            assert np.abs(one.astype(int) - other).mean() > 2.0


def test_a_motif_moves_by_less_than_a_pixel() -> None:
    here = np.zeros((60, 60), np.uint8)
    there = here.copy()
    fill(here, outline("arch", 20.0, (30.0, 30.0)), 255)
    fill(there, outline("arch", 20.0, (30.25, 30.0)), 255)
    assert not np.array_equal(here, there)
