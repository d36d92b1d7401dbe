"""The subject of a picture, found without a model: what stands out is cut, and the cut has to prove itself.

A wrong cutout is ugly and none is fine, so that in doubt there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from libs.picture.cut import cut_out, softened
from libs.picture.faces import Face, find_faces
from libs.picture.kept import Kept
from libs.picture.load import Gray, Image, Picture
from libs.picture.oklab import oklab_of_pixels
from libs.picture.salience import salience

COVER = (0.06, 0.75)
"""Parts of the picture that a found subject may fill."""
ALPHA_COVER = (0.01, 0.95)
"""Parts of the picture that its own alpha channel may leave opaque to be a subject."""
APART = 0.05
"""OKLab between the means of subject and ground, at least."""
STRENGTH = 2.5
"""Edges along the rim, in multiples of the mean edge, at least."""


@dataclass(frozen=True)
class Subject:
    """What a picture is of.

    mask: 0..255, soft at its edge, height x width of the picture. box: left, top, right, bottom in parts of the
    picture. cover: the mask's part of the picture. strength: edges along its rim, in multiples of the mean edge.
    faces: the ones in the picture, the largest first.
    """

    mask: Gray
    box: tuple[float, float, float, float]
    cover: float
    strength: float
    faces: tuple[Face, ...] = ()


def find_subject(picture: Picture) -> Subject | None:
    """The subject, or None when there is none that can be trusted. The same picture gives the same answer."""
    if not picture.telling:
        return None
    if picture.alpha is not None:
        own = float(picture.alpha.mean()) / 255.0
        if ALPHA_COVER[0] < own < ALPHA_COVER[1]:
            return _subject(picture.alpha, own, 9.0, find_faces(picture.pixels))
    faces = find_faces(picture.pixels)
    rough = cut_out(picture.pixels, salience(picture.pixels), faces)
    proof = judge(picture.pixels, rough, faces)
    if proof.reason:
        return None
    return _subject(softened(rough, picture.pixels), proof.cover, proof.strength, faces)


def subject_of(picture: Picture, digest: str) -> Subject | None:
    """The same as `find_subject`, found once in the process for each digest of the picture's file."""
    return _kept.get(digest, lambda: find_subject(picture))


@dataclass(frozen=True)
class Proof:
    """How a cut stands its tests; `reason` names the one it failed."""

    cover: float
    apart: float
    strength: float
    reason: str


def judge(pixels: Image, rough: Gray, faces: tuple[Face, ...]) -> Proof:
    small = cv2.resize(pixels, rough.shape[::-1], interpolation=cv2.INTER_AREA)
    lab = oklab_of_pixels(np.asarray(small, dtype=np.uint8))
    inside = rough > 127
    cover = float(inside.mean())
    if not COVER[0] < cover < COVER[1]:
        return Proof(cover, 0.0, 0.0, "cover")
    apart = float(np.linalg.norm(lab[inside].mean(axis=0) - lab[~inside].mean(axis=0)))
    soft = cv2.GaussianBlur(lab, (0, 0), 1.0)
    across, along = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    edge = np.sqrt((across**2 + along**2).sum(axis=-1))
    rim = cv2.morphologyEx(rough, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    near = cv2.dilate(edge, np.ones((3, 3), np.uint8))
    strength = float(near[rim].mean() / max(float(edge.mean()), 1e-6))
    reason = ""
    if apart <= APART:
        reason = "apart"
    elif strength <= STRENGTH:
        reason = "strength"
    return Proof(cover, apart, strength, reason)


def _subject(mask: Gray, cover: float, strength: float, faces: tuple[Face, ...]) -> Subject:
    x, y, w, h = cv2.boundingRect((mask > 127).astype(np.uint8))
    rows, columns = mask.shape
    box = (x / columns, y / rows, (x + w) / columns, (y + h) / rows)
    return Subject(mask, box, cover, strength, faces)


_kept: Kept[Subject | None] = Kept()
