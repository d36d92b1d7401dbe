"""A picture in two plates: its subject, and the ground with the subject painted out. They may move apart."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from services.generator.builtin.looks.stage import Frame
from services.generator.builtin.paint.layers import lay_over
from services.generator.builtin.picture.framing import Framing

FILL_SIDE = 96
"""The ground behind the subject is painted this small: it is soft."""
WIDER = 0.014
"""Parts of the picture's width around the subject that are painted over with it."""
SOFT = 0.0014
"""Blur of the ground, in parts of the width: the lens holds the subject."""

Matrix = npt.NDArray[np.float32]


class Plates:
    """Both plates of a graded picture; drawn through two cameras. OpenCV warps four channels faster than three."""

    def __init__(self, image: MatLike, framing: Framing) -> None:
        mask = framing.mask
        if mask is None:
            raise ValueError("There are plates only where the subject is known.")
        rows, columns = mask.shape
        ground = cv2.GaussianBlur(painted_out(image, mask), (0, 0), max(0.6, SOFT * columns))
        self.back = cv2.merge([*cv2.split(ground), np.full_like(mask, 255)])
        alpha = mask.astype(np.float32)[..., None] / 255.0
        front = np.rint(image.astype(np.float32) * alpha).astype(np.uint8)
        self.front = cv2.merge([*cv2.split(front), mask])
        seen = np.argwhere(cv2.resize(mask, (columns // 4, rows // 4), interpolation=cv2.INTER_AREA) > 2) * 4
        (top, left), (bottom, right) = seen.min(axis=0), seen.max(axis=0) + 4
        self.box = (int(left), int(top), int(right), int(bottom))

    def drawn(self, size: tuple[int, int], ground: Matrix, subject: Matrix) -> Frame:
        """The frame (width, height), each plate through its matrix from frame pixels to the picture's."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(self.back, ground, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        image = cv2.cvtColor(seen, cv2.COLOR_BGRA2BGR)
        left, top, right, bottom = self._reach(size, subject)
        if right > left and bottom > top:
            moved = subject.copy()
            moved[:, 2] += subject[:, 0] * left + subject[:, 1] * top
            front = cv2.warpAffine(
                self.front, moved, (right - left, bottom - top), flags=flags, borderMode=cv2.BORDER_REPLICATE
            )
            part = np.asarray(image, dtype=np.uint8)[top:bottom, left:right]
            lay_over(part, cv2.cvtColor(front, cv2.COLOR_BGRA2BGR), cv2.extractChannel(front, 3))
        return np.asarray(image, dtype=np.uint8)

    def _reach(self, size: tuple[int, int], subject: Matrix) -> tuple[int, int, int, int]:
        """The part of the frame that the subject may cover."""
        back = cv2.invertAffineTransform(subject)
        left, top, right, bottom = self.box
        rows, columns = self.front.shape[:2]
        corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]], np.float32)
        at = corners @ back[:, :2].T + back[:, 2]
        x, y = np.floor(at.min(axis=0)).astype(int) - 2
        far_x, far_y = np.ceil(at.max(axis=0)).astype(int) + 2
        return (
            0 if left <= 4 else int(np.clip(x, 0, size[0])),
            0 if top <= 4 else int(np.clip(y, 0, size[1])),
            size[0] if right >= columns - 4 else int(np.clip(far_x, 0, size[0])),
            size[1] if bottom >= rows - 4 else int(np.clip(far_y, 0, size[1])),
        )


def painted_out(image: MatLike, mask: MatLike) -> Frame:
    """The image with what the mask covers, and a little around it, painted over from its surroundings."""
    rows, columns = mask.shape
    reach = 2 * max(1, round(WIDER * columns)) + 1
    wide = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    scale = FILL_SIDE / min(rows, columns)
    size = (max(2, round(columns * scale)), max(2, round(rows * scale)))
    known = 1.0 - cv2.resize(wide, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    known = np.where(known > 0.9, np.float32(1.0), np.float32(0.0))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    total, weight = small * known[..., None], known.copy()
    for sigma in (1.5, 3.0, 6.0, 12.0, 24.0, 48.0):
        near = cv2.GaussianBlur(known, (0, 0), sigma)
        colour = cv2.GaussianBlur(small * known[..., None], (0, 0), sigma)
        share = np.clip(1.0 - weight, 0.0, 1.0) * np.clip(near * 12.0, 0.0, 1.0)
        total += colour / np.maximum(near, 1e-4)[..., None] * share[..., None]
        weight += share
    filled = cv2.GaussianBlur(total / np.maximum(weight, 1e-4)[..., None], (0, 0), 1.0)
    large = cv2.resize(np.clip(filled, 0, 255).astype(np.uint8), (columns, rows), interpolation=cv2.INTER_CUBIC)
    share3 = cv2.merge([cv2.GaussianBlur(wide, (0, 0), max(0.8, 0.25 * reach))] * 3)
    under = cv2.multiply(image, cv2.bitwise_not(share3), scale=1.0 / 255.0)
    return np.asarray(cv2.add(under, cv2.multiply(large, share3, scale=1.0 / 255.0)), dtype=np.uint8)
