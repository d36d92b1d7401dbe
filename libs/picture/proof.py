"""Whether a cut can be trusted: measures of the mask against the picture. A doubtful one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import cv2
import numpy as np
import numpy.typing as npt

from libs.picture.cut import disc
from libs.picture.faces import SURE, Face
from libs.picture.load import Gray, Image
from libs.picture.oklab import oklab_of_pixels


@dataclass(frozen=True)
class Proof:
    """What was measured on a cut.

    cover: its part of the picture. apart: OKLab between the means inside and outside. strength: edges along
    its rim, in multiples of the mean edge; even: the part of the rim with an edge above 1.5 of them. step: OKLab
    across the rim where it is weakest (its 15th percentile). unlike: 0..1, how little the colours inside are
    found outside. solid: its area by that of its hull. touch, stand: the part of the frame's top and sides, and
    of its bottom, that it touches. heads: how much of the surest face's head is inside; 0 when another is cut
    in two.
    """

    cover: float
    apart: float
    strength: float
    even: float
    step: float
    unlike: float
    solid: float
    touch: float
    stand: float
    heads: float


CUT_IN_TWO = (0.15, 0.8)
"""How much of a head that isn't the main one may not be inside: all of it or none."""
_THINGS = {
    "cover": (0.06, 0.75),
    "apart": (0.05, inf),
    "strength": (2.5, inf),
    "even": (0.84, inf),
    "step": (0.065, inf),
    "unlike": (0.6, inf),
    "solid": (0.85, inf),
    "touch": (-inf, 0.05),
    "stand": (-inf, 0.55),
    "heads": (0.955, inf),
}
"""What each measure of a cut has to lie within."""
_THINGS_ON_CLEAR_GROUND = _THINGS | {
    "even": (0.97, inf),
    "step": (0.15, inf),
    "unlike": (0.96, inf),
    "solid": (0.3, inf),
}
"""The same for things of any shape, such as a guitar: the ground has to be another one all around."""
_PEOPLE = {
    "cover": (0.05, 0.85),
    "apart": (0.03, inf),
    "strength": (2.5, inf),
    "even": (0.75, inf),
    "step": (0.03, inf),
    "unlike": (0.3, inf),
    "solid": (0.4, inf),
    "touch": (-inf, 0.5),
    "heads": (0.955, inf),
}
"""The same where faces were found: the cut is known to be of people, and the other measures may be weaker."""


def failing(proof: Proof, *, people: bool) -> str:
    """The first measure that is outside its limits; empty when all are within."""
    if people:
        return _outside(proof, _PEOPLE)
    return _outside(proof, _THINGS) and _outside(proof, _THINGS_ON_CLEAR_GROUND)


def _outside(proof: Proof, limits: dict[str, tuple[float, float]]) -> str:
    for name, (least, most) in limits.items():
        if not least < getattr(proof, name) < most:
            return name
    return ""


def prove(pixels: Image, mask: Gray, faces: tuple[Face, ...]) -> Proof:
    """The measures of a hard mask (0 or 255), which may be smaller than the picture."""
    small = cv2.resize(pixels, mask.shape[::-1], interpolation=cv2.INTER_AREA)
    lab = oklab_of_pixels(np.asarray(small, dtype=np.uint8))
    inside = mask > 127
    cover = float(inside.mean())
    rim = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    rim[[0, -1]] = rim[:, [0, -1]] = False
    if not 0.01 < cover < 0.99 or not rim.any():
        return Proof(cover, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    soft = cv2.GaussianBlur(lab, (0, 0), 1.0)
    across, along = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    edge = np.sqrt((across**2 + along**2).sum(axis=-1))
    usual = max(float(edge.mean()), 1e-6)
    near = cv2.dilate(edge, np.ones((5, 5), np.uint8))[rim]
    frame = np.concatenate([inside[0], inside[:, 0], inside[:, -1]])
    return Proof(
        cover=cover,
        apart=float(np.linalg.norm(lab[inside].mean(axis=0) - lab[~inside].mean(axis=0))),
        strength=float(near.mean()) / usual,
        even=float((near > 1.5 * usual).mean()),
        step=float(np.percentile(_steps(lab, mask)[rim], 15.0)),
        unlike=_unlike(lab, inside),
        solid=_solid(mask),
        touch=float(frame.mean()),
        stand=float(inside[-1].mean()),
        heads=_heads(inside, faces),
    )


def overlap(first: Gray, second: Gray) -> float:
    """Intersection over union of two masks of one size."""
    either = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / either if either else 0.0


def _steps(lab: npt.NDArray[np.float32], mask: Gray) -> npt.NDArray[np.float32]:
    """At each pixel, how far the colours just inside and just outside the rim are apart."""
    means = []
    for grown, shrunk in (
        (cv2.erode(mask, disc(1)), cv2.erode(mask, disc(5))),
        (cv2.dilate(mask, disc(5)), cv2.dilate(mask, disc(1))),
    ):
        band = ((grown > 127) & (shrunk <= 127)).astype(np.float32)
        share = np.maximum(cv2.blur(band, (13, 13)), 1e-3)
        means.append(cv2.blur(lab * band[..., None], (13, 13)) / share[..., None])
    return np.asarray(np.linalg.norm(means[0] - means[1], axis=-1), dtype=np.float32)


def _unlike(lab: npt.NDArray[np.float32], inside: npt.NDArray[np.bool_]) -> float:
    """1 less the intersection of the colour histograms inside and outside."""
    level = np.clip(lab[..., 0] * 12.0, 0.0, 11.0).astype(np.int64)
    a, b = (np.clip((lab[..., axis] + 0.2) * 30.0, 0.0, 11.0).astype(np.int64) for axis in (1, 2))
    cell = (level * 12 + a) * 12 + b
    within, without = (np.bincount(cell[part], minlength=12**3) / part.sum() for part in (inside, ~inside))
    return 1.0 - float(np.minimum(within, without).sum())


def _solid(mask: Gray) -> float:
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hulls = sum(cv2.contourArea(cv2.convexHull(outline)) for outline in outlines)
    return sum(cv2.contourArea(outline) for outline in outlines) / max(hulls, 1.0)


def _heads(inside: npt.NDArray[np.bool_], faces: tuple[Face, ...]) -> float:
    """How much of the surest face's head is inside; 0 when another one is cut in two."""
    shares = [_inside(inside, face) for face in sorted(faces, key=lambda face: -face.weight)]
    if any(CUT_IN_TWO[0] < share < CUT_IN_TWO[1] for share in shares):
        return 0.0
    return shares[0] if faces and max(face.weight for face in faces) >= SURE else 1.0


def _inside(inside: npt.NDArray[np.bool_], face: Face) -> float:
    """The part of a head that the mask holds: an ellipse around the face, from a short hair's edge down to the
    mouth."""
    rows, columns = inside.shape
    y, x = np.mgrid[0:rows, 0:columns]
    wide, high = (face.right - face.left) * columns, (face.bottom - face.top) * rows
    middle, centre = (face.left + face.right) * columns / 2.0, (face.top + face.bottom) * rows / 2.0 - 0.02 * high
    head = np.hypot((x - middle) / (0.5 * wide), (y - centre) / (0.68 * high)) < 1.0
    head &= y < centre + 0.25 * high
    return float(inside[head].mean()) if head.any() else 0.0
