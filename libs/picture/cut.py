"""Cutting a subject out: from what stands out to a clean mask, and from the mask to soft edges."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from libs.picture.faces import Face
from libs.picture.load import Gray, Image
from libs.picture.salience import Field, bodies

COARSE, FINE = 160, 300
"""Pixels of the longer side at which the cut is found and then refined."""
SOFT = 900
"""Pixels of the longer side at which the edges' softness is found."""
SMALL_HOLE = 0.03
"""Holes below this part of the picture are filled."""


class Share(NamedTuple):
    """Percentiles of salience above which a pixel is taken for the subject: perhaps, and surely."""

    perhaps: float
    surely: float


USUAL = Share(65.0, 92.0)


def rough_cut(pixels: Image, salient: Field, faces: tuple[Face, ...], share: Share = USUAL) -> Gray:
    """The hard mask (0 or 255) of what stands out, COARSE pixels on its longer side."""
    small = _calmed(scaled(pixels, COARSE))
    return _whole(_grab(small, _seeds(small, salient, faces, share), 3))


def refined(pixels: Image, rough: Gray) -> Gray:
    """The same cut, its rim found anew with FINE pixels on the longer side."""
    small = _calmed(scaled(pixels, FINE))
    rows, columns = small.shape[:2]
    grown = cv2.resize(rough, (columns, rows), interpolation=cv2.INTER_LINEAR)
    reach = disc(round(0.03 * max(rows, columns)))
    seeds = np.full((rows, columns), cv2.GC_BGD, np.uint8)
    seeds[cv2.dilate(grown, reach) > 127] = cv2.GC_PR_BGD
    seeds[grown > 127] = cv2.GC_PR_FGD
    seeds[cv2.erode(grown, reach) > 127] = cv2.GC_FGD
    return _whole(_grab(small, seeds, 1))


def _seeds(pixels: Image, salient: Field, faces: tuple[Face, ...], share: Share) -> Gray:
    rows, columns = pixels.shape[:2]
    field = cv2.resize(salient, (columns, rows), interpolation=cv2.INTER_LINEAR)
    seeds = np.full((rows, columns), cv2.GC_PR_BGD, np.uint8)
    strip = max(1, round(0.02 * min(rows, columns)))
    rim = np.zeros((rows, columns), bool)
    rim[:strip] = rim[:, :strip] = rim[:, -strip:] = True
    if faces:
        body = bodies(faces, columns, rows)
        seeds[0.3 * field + 0.7 * body.near > 0.42] = cv2.GC_PR_FGD
        seeds[body.beside | ((field < 0.02) & (body.near == 0.0))] = cv2.GC_BGD
        seeds[body.near >= 0.98] = cv2.GC_FGD
        rim &= body.near < 0.4
    else:
        seeds[field > np.percentile(field, share.perhaps)] = cv2.GC_PR_FGD
        seeds[field > np.percentile(field, share.surely)] = cv2.GC_FGD
        seeds[field < np.percentile(field, 20.0)] = cv2.GC_BGD
    seeds[rim & (seeds != cv2.GC_FGD)] = cv2.GC_BGD
    return seeds


def _grab(pixels: Image, seeds: Gray, rounds: int) -> Gray:
    """GrabCut from seeds, which are changed; the same every time."""
    cv2.setRNGSeed(1)
    here = seeds & 1
    if here.any() and not here.all():
        back, front = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(pixels, seeds, (0, 0, 1, 1), back, front, rounds, cv2.GC_INIT_WITH_MASK)
    return np.asarray((seeds & 1) * 255, dtype=np.uint8)


def _whole(mask: Gray) -> Gray:
    """The largest parts, the edge smoothed and small holes filled."""
    size = max(1, round(0.006 * max(mask.shape)))
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc(size)), dtype=np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc(2 * size)), dtype=np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.isin(labels, 1 + np.flatnonzero(areas >= 0.25 * areas.max()))
    out = np.where(kept, 255, 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(255 - out, connectivity=4)
    for index in range(1, count):
        x, y, w, h, area = (int(value) for value in stats[index])
        inside = x > 0 and y > 0 and x + w < mask.shape[1] and y + h < mask.shape[0]
        if inside and area < SMALL_HOLE * mask.size:
            out[labels == index] = 255
    return out


def softened(mask: Gray, pixels: Image) -> Gray:
    """The mask at the picture's size with edges that follow the picture's: a guided filter after He, Sun and
    Tang (2010), its coefficients found small and used large."""
    rows, columns = pixels.shape[:2]
    guide = _tone(scaled(pixels, SOFT))
    rough = cv2.resize(mask, guide.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255.0
    size = (2 * max(2, round(0.007 * max(guide.shape))) + 1,) * 2
    mean, level = cv2.blur(guide, size), cv2.blur(rough, size)
    slope = (cv2.blur(guide * rough, size) - mean * level) / (cv2.blur(guide * guide, size) - mean * mean + 1e-4)
    lift = level - slope * mean
    wide_slope = cv2.resize(cv2.blur(slope, size), (columns, rows), interpolation=cv2.INTER_LINEAR)
    wide_lift = cv2.resize(cv2.blur(lift, size), (columns, rows), interpolation=cv2.INTER_LINEAR)
    soft = np.clip((wide_slope * _tone(pixels) + wide_lift - 0.33) / 0.5, 0.0, 1.0)
    return np.asarray(np.rint(soft * 255.0), dtype=np.uint8)


def _tone(pixels: Image) -> Field:
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float32) / np.float32(255.0)


def scaled(pixels: Image, side: int) -> Image:
    """The picture, at most `side` pixels on its longer side."""
    scale = side / max(pixels.shape[:2])
    if scale >= 1.0:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _calmed(pixels: Image) -> Image:
    """Without the noise that makes a cut slow and ragged."""
    return np.asarray(cv2.bilateralFilter(cv2.medianBlur(pixels, 3), 7, 30.0, 3.0), dtype=np.uint8)


def disc(radius: int) -> Gray:
    """A filled circle to grow or shrink masks by `radius` pixels."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2), dtype=np.uint8)
