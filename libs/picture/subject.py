"""The subject of a picture, found without a model: what stands out is cut, and the cut has to prove itself.

A wrong cutout is ugly and none is fine, so that in doubt there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from libs.picture.cut import Share, refined, rough_cut, scaled, softened
from libs.picture.faces import Face, find_faces
from libs.picture.flat import flat_art
from libs.picture.kept import Kept
from libs.picture.load import Gray, Image, Picture
from libs.picture.proof import failing, overlap, prove
from libs.picture.salience import Field, salience

SEARCH = 640
"""Pixels of the longer side on which the subject is searched."""
OPAQUE = (0.01, 0.985)
"""Parts of the picture that its own alpha channel, or flat art, may fill to be a subject."""
OWN_STRENGTH = 9.0
"""The strength of a mask that needs no proof."""
BEYOND_DOUBT = 8.0
"""The weight of a face from which a picture is one of people, whatever else is in it."""
STEADY = ((Share(52.0, 95.0), 0.84), (Share(78.0, 90.0), 0.70))
"""Other seeds, and how much of the cut has to stay with them."""


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


@dataclass(frozen=True)
class Finding:
    """A subject, or why there is none that can be trusted."""

    subject: Subject | None
    doubt: str = ""


def find_subject(picture: Picture) -> Subject | None:
    """The subject, or None when there is none that can be trusted. The same picture gives the same answer."""
    return search(picture).subject


def subject_of(picture: Picture, digest: str) -> Subject | None:
    """The same as `find_subject`, found once in the process for each digest of the picture's file."""
    return _kept.get(digest, lambda: find_subject(picture))


def search(picture: Picture) -> Finding:
    """The picture's own alpha channel, else flat art on a plain ground, else a cut that stands its tests."""
    if not picture.telling:
        return Finding(None, "telling")
    own = picture.alpha if picture.alpha is not None else flat_art(picture.pixels)
    fits = own is not None and OPAQUE[0] < float((own > 127).mean()) < OPAQUE[1]
    if picture.alpha is not None and not fits:
        return Finding(None, "alpha")  # what lies beneath would depend on the ground it was laid on
    if own is not None and fits:
        people = tuple(face for face in find_faces(picture.pixels) if face.sure)
        return Finding(_subject(own, OWN_STRENGTH, people))
    faces = find_faces(picture.pixels)
    people = tuple(face for face in faces if face.sure)
    pixels = _levelled(scaled(picture.pixels, SEARCH))
    salient = salience(pixels)
    cut = _cut(pixels, salient, faces, people)
    if cut.doubt and people and max(face.weight for face in people) < BEYOND_DOUBT:
        people = ()
        cut = _cut(pixels, salient, faces, people)
    if cut.doubt:
        return Finding(None, cut.doubt)
    return Finding(_subject(softened(cut.mask, picture.pixels), cut.strength, people))


@dataclass(frozen=True)
class _Cut:
    """A hard mask, smaller than the picture, its strength, and why it can't be trusted."""

    mask: Gray
    strength: float
    doubt: str


def _cut(pixels: Image, salient: Field, faces: tuple[Face, ...], people: tuple[Face, ...]) -> _Cut:
    """The cut of the people, else of what stands out, judged."""
    rough = rough_cut(pixels, salient, people)
    if not people and not _steady(pixels, salient, rough):
        return _Cut(rough, 0.0, "steady")
    mask = refined(pixels, rough)
    proof = prove(pixels, mask, faces)
    return _Cut(mask, proof.strength, failing(proof, people=bool(people)))


def _steady(pixels: Image, salient: Field, rough: Gray) -> bool:
    """True when other seeds lead to much the same cut."""
    return all(overlap(rough, rough_cut(pixels, salient, (), share)) >= least for share, least in STEADY)


def _levelled(pixels: Image) -> Image:
    """Dark, flat and washed-out pictures with their lightness spread out, within reason."""
    low, high = (float(value) for value in np.percentile(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), (1.0, 99.0)))
    gain = min(235.0 / max(high - low, 1.0), 4.0)
    if gain < 1.15:
        return pixels
    spread = (np.arange(256) - low) * gain + 8.0
    return np.asarray(cv2.LUT(pixels, np.clip(spread, 0.0, 255.0).astype(np.uint8)), dtype=np.uint8)


def _subject(mask: Gray, strength: float, faces: tuple[Face, ...]) -> Subject:
    x, y, w, h = cv2.boundingRect((mask > 127).astype(np.uint8))
    rows, columns = mask.shape
    box = (x / columns, y / rows, (x + w) / columns, (y + h) / rows)
    return Subject(mask, box, float((mask > 127).mean()), strength, faces)


_kept: Kept[Subject | None] = Kept()
