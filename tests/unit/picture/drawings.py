"""Pictures with a known subject: drawn portraits, things, logos, and grounds without any."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from libs.picture.load import Gray, Image, Picture

Bgr = tuple[int, int, int]
Tint = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """A picture and where its subject is."""

    picture: Picture
    truth: npt.NDArray[np.bool_]


def uneven(width: int, height: int, colour: Bgr, seed: int = 1) -> Image:
    """A ground of one colour with soft blotches and a little noise."""
    random = np.random.default_rng(seed)
    blotches = cv2.GaussianBlur(random.normal(size=(height, width)), (0, 0), 40.0)
    noise = random.normal(size=(height, width, 1)) * 3.0
    lit = np.array(colour) + (blotches / blotches.std())[..., None] * 6.0 + noise
    return np.asarray(np.clip(lit, 0, 255), dtype=np.uint8)


def bricks(width: int, height: int) -> Image:
    """A ground full of edges."""
    wall = uneven(width, height, (60, 80, 150))
    for row, y in enumerate(range(0, height, 26)):
        cv2.line(wall, (0, y), (width, y), (150, 155, 160), 3)
        for x in range(row % 2 * 30, width, 60):
            cv2.line(wall, (x, y), (x, y + 26), (150, 155, 160), 3)
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), 1.0), dtype=np.uint8)


class _Figure:
    """Shaded shapes laid on a ground."""

    def __init__(self, ground: Image) -> None:
        self.lit = ground.astype(np.float64)
        self.mask = np.zeros(ground.shape[:2], np.uint8)
        self.random = np.random.default_rng(3)

    def oval(self, centre: tuple[int, int], axes: tuple[int, int], colour: Bgr) -> None:
        shape = np.zeros_like(self.mask)
        cv2.ellipse(shape, centre, axes, 0, 0, 360, 255, -1)
        depth = cv2.GaussianBlur(shape, (0, 0), 18.0) / 255.0
        high, wide = self.lit.shape[:2]
        side = 1.0 + 0.3 * np.linspace(-1.0, 1.0, wide)[None, :]
        noise = self.random.normal(size=(high, wide, 1)) * 4.0
        shaded = np.array(colour) * ((0.62 + 0.38 * depth) * side)[..., None] + noise
        edge = cv2.GaussianBlur(shape, (0, 0), 1.2)[..., None] / 255.0
        self.lit = self.lit * (1.0 - edge) + np.clip(shaded, 0, 255) * edge
        self.mask = np.maximum(self.mask, shape)

    def drawn(self) -> Drawn:
        pixels = np.asarray(cv2.GaussianBlur(np.clip(self.lit, 0, 255).astype(np.uint8), (0, 0), 0.9))
        return Drawn(Picture(np.ascontiguousarray(pixels, dtype=np.uint8)), self.mask > 0)


def portrait(skin: Bgr, hair: Bgr, shirt: Bgr, ground: Image) -> Drawn:
    """Head and shoulders of somebody who looks at us."""
    high, wide = ground.shape[:2]
    middle = wide // 2
    figure = _Figure(ground)
    figure.oval((middle, int(0.40 * high)), (int(0.23 * wide), int(0.25 * high)), hair)
    figure.oval((middle, int(1.05 * high)), (int(0.44 * wide), int(0.36 * high)), shirt)
    figure.oval((middle, int(0.64 * high)), (int(0.085 * wide), int(0.13 * high)), skin)
    figure.oval((middle, int(0.44 * high)), (int(0.165 * wide), int(0.19 * high)), skin)
    drawn = figure.drawn()
    _features(drawn.picture.pixels, skin, hair)
    return drawn


def _features(pixels: Image, skin: Bgr, hair: Bgr) -> None:
    high, wide = pixels.shape[:2]
    middle = wide // 2
    for side in (-1, 1):
        eye = (middle + side * int(0.07 * wide), int(0.42 * high))
        cv2.ellipse(pixels, eye, (int(0.03 * wide), int(0.012 * high)), 0, 0, 360, (225, 228, 230), -1, cv2.LINE_AA)
        cv2.circle(pixels, eye, int(0.012 * wide), (25, 25, 30), -1, cv2.LINE_AA)
        brow, shade = (eye[0], eye[1] - int(0.035 * high)), tuple(int(0.6 * value) for value in hair)
        cv2.ellipse(pixels, brow, (int(0.04 * wide), int(0.01 * high)), 0, 180, 360, shade, 4, cv2.LINE_AA)
    mouth, lips = (middle, int(0.53 * high)), (int(0.55 * skin[0]), int(0.5 * skin[1]), int(0.75 * skin[2]))
    cv2.ellipse(pixels, mouth, (int(0.05 * wide), int(0.014 * high)), 0, 0, 360, lips, -1, cv2.LINE_AA)
    nose = tuple(int(0.75 * value) for value in skin)
    cv2.line(pixels, (middle, int(0.43 * high)), (middle - 6, int(0.48 * high)), nose, 3, cv2.LINE_AA)


def thing(ground: Image, colour: Bgr = (30, 110, 235)) -> Drawn:
    """Something round with a darker core."""
    high, wide = ground.shape[:2]
    figure = _Figure(ground)
    figure.oval((wide // 2, high // 2), (int(0.24 * wide), int(0.24 * wide)), colour)
    return figure.drawn()


def logo(ground: Bgr, ink: Bgr, accent: Bgr) -> tuple[Image, Gray]:
    """A ring, a dot and letters on a plain ground, and their mask."""
    ring = np.zeros((480, 480), np.uint8)
    cv2.circle(ring, (240, 190), 136, 255, -1, cv2.LINE_AA)
    cv2.circle(ring, (240, 190), 72, 0, -1, cv2.LINE_AA)
    cv2.putText(ring, "NOVA", (92, 424), cv2.FONT_HERSHEY_DUPLEX, 3.4, 255, 8, cv2.LINE_AA)
    dot = np.zeros_like(ring)
    cv2.circle(dot, (312, 120), 37, 255, -1, cv2.LINE_AA)
    pixels = np.zeros((480, 480, 3)) + ground
    for mask, colour in ((ring, ink), (dot, accent)):
        share = mask[..., None] / 255.0
        pixels = pixels * (1.0 - share) + np.array(colour) * share
    return pixels.astype(np.uint8), np.maximum(ring, dot)
