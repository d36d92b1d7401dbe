"""The parts of the song: where the sound changes, which parts sound alike, what to call them. Pure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.cluster import hierarchy

from libs.contracts.analysis import Section
from services.analyzer.changes import change_points
from services.analyzer.spectrum import FPS, SLOW_FPS, Spectra
from services.analyzer.tape import Array, Rows, blocks

Times = npt.NDArray[np.float64]
Features = npt.NDArray[np.float64]

_SHORTEST = 4.5
"""Seconds: no section is shorter."""
_GAMMA = 0.2
_PENALTY = 1.5
_ALIKE = 0.75
"""Distance of two sections' sound up to which they form a group."""
_BLOCK = 2000
"""Frames whose cepstra are made at once."""


def find_sections(
    heard: Spectra, energy: Array, beats: Times, downbeats: Times, duration: float
) -> tuple[Section, ...]:
    """Sections that touch and cover the song.

    Bounds are change points of kernel density (Arlot, Celisse and Harchaoui 2019; rbf) on timbre,
    harmony and loudness of each beat, moved to the nearest downbeat. Sections that sound alike get one
    group by clustering; labels follow from place, energy and repetition.
    """
    if duration < 2.0 * _SHORTEST:
        level = round(float(energy.mean()), 3)
        return (Section(label="part", start=0.0, end=duration, group=0, energy=level),)
    grid = _grid(beats, duration)
    features = beat_features(heard, energy, grid)
    bounds = _snapped(_bounds(features, grid), downbeats if len(downbeats) > 3 else beats, duration)
    groups = _groups(features, grid, bounds)
    levels = [float(_mean(energy, SLOW_FPS, start, end)) for start, end in pairwise(bounds)]
    labels = _labels(groups, levels, bounds)
    return tuple(
        Section(
            label=labels[i],
            start=bounds[i],
            end=bounds[i + 1],
            group=groups[i],
            energy=round(levels[i], 3),
        )
        for i in range(len(groups))
    )


def _grid(beats: Times, duration: float) -> Times:
    """Times that split the song into units: beats, with half seconds where there are none."""
    points = [0.0]
    for beat in [*beats, duration]:
        gap = beat - points[-1]
        if gap > 2.0:
            points.extend(points[-1] + gap * np.arange(1, int(gap / 0.5)) / int(gap / 0.5))
        if gap > 0.15:
            points.append(float(beat))
    points[-1] = duration
    return np.array(points if len(points) > 1 else [0.0, duration])


def beat_features(heard: Spectra, energy: Array, grid: Times) -> Features:
    """(units, 27): 14 cepstra, 12 pitch classes and the loudness of each unit of the grid, scaled alike."""
    cepstra = _cepstra(heard.mel)
    total = heard.chroma.sum(axis=1, keepdims=True)
    chroma = heard.chroma / np.maximum(total, 0.05 * float(total.max(initial=0.0)) + 1e-9)
    timbre = _scaled(np.array([_mean(cepstra, FPS, a, b) for a, b in pairwise(grid)]))
    harmony = _scaled(np.array([_mean(chroma, SLOW_FPS, a, b) for a, b in pairwise(grid)]))
    loud = _scaled(np.array([[_mean(energy, SLOW_FPS, a, b)] for a, b in pairwise(grid)]))
    return np.hstack([timbre / np.sqrt(14.0), 0.7 * harmony / np.sqrt(12.0), 0.7 * loud])


def _cepstra(mel: Rows) -> Array:
    """(frames, 14): the shape of the spectrum, without its loudness."""
    cepstra = np.empty((len(mel), 14), dtype=np.float32)
    for number, block in enumerate(blocks(mel, _BLOCK)):
        cepstra[number * _BLOCK :][: len(block)] = fft.dct(block, axis=1, norm="ortho")[:, 1:15]
    return cepstra


def _mean(rows: npt.NDArray[np.float32], fps: float, start: float, end: float) -> npt.NDArray[np.float32]:
    first = min(round(start * fps), len(rows) - 1)
    mean: npt.NDArray[np.float32] = rows[first : max(first + 1, round(end * fps))].mean(axis=0)
    return mean


def _scaled(rows: Features) -> Features:
    spread = rows.std(axis=0)
    scaled: Features = (rows - rows.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0)
    return scaled


def _bounds(features: Features, grid: Times) -> Times:
    """Times of the change points, the ends of the song left out."""
    unit = float(np.median(np.diff(grid)))
    least = max(2, round(_SHORTEST / unit))
    if len(features) < 2 * least:
        return np.zeros(0)
    found: Times = grid[change_points(features, least=least, penalty=_PENALTY, gamma=_GAMMA)]
    return found


def _snapped(bounds: Times, anchors: Times, duration: float) -> list[float]:
    """The bounds with the ends of the song, each moved to an anchor that is less than 1.2 s away."""
    edges = [0.0]
    for bound in bounds:
        near = float(anchors[np.abs(anchors - bound).argmin()]) if len(anchors) else float(bound)
        edge = near if abs(near - bound) < 1.2 else float(bound)
        if edge - edges[-1] > 1.0 and duration - edge > 1.0:
            edges.append(edge)
    return [*(round(edge, 4) for edge in edges), duration]


def _groups(features: Features, grid: Times, bounds: list[float]) -> list[int]:
    """A number for each section, equal where the means of the sound are close; 0 is heard first."""
    centres = (grid[:-1] + grid[1:]) / 2
    means = np.array(
        [
            features[(centres >= start) & (centres < end)].mean(axis=0)
            if ((centres >= start) & (centres < end)).any()
            else features[np.abs(centres - start).argmin()]
            for start, end in pairwise(bounds)
        ]
    )
    if len(means) < 2:
        return [0] * len(means)
    raw = hierarchy.fcluster(hierarchy.linkage(means, "average"), _ALIKE, "distance")
    order: dict[int, int] = {}
    return [order.setdefault(int(group), len(order)) for group in raw]


def _labels(groups: list[int], levels: list[float], bounds: list[float]) -> list[str]:
    """Names by rule: the loudest group that returns is the chorus, the most frequent other one the verse."""
    count = len(groups)
    if count == 1:
        return ["part"]
    lengths = np.diff(bounds)
    loud = float(np.average(levels, weights=lengths))
    labels = [""] * count
    if lengths[0] <= 25.0 and (levels[0] < loud or groups[0] not in groups[1:]) and count > 2:
        labels[0] = "intro"
    if lengths[-1] <= 25.0 and levels[-1] < loud and count > 2:
        labels[-1] = "outro"
    inner = [i for i in range(count) if not labels[i]]
    kinds = sorted({groups[i] for i in inner})
    span = {kind: sum(float(lengths[i]) for i in inner if groups[i] == kind) for kind in kinds}
    level = {kind: sum(levels[i] * float(lengths[i]) for i in inner if groups[i] == kind) for kind in kinds}
    times = {kind: sum(1 for i in inner if groups[i] == kind) for kind in kinds}
    ranked = sorted(kinds, key=lambda k: (level[k] / span[k] + (0.15 if times[k] > 1 else 0.0), -k), reverse=True)
    chorus = ranked[0] if len(kinds) > 1 else -1
    rest = sorted((k for k in kinds if k != chorus), key=lambda k: (times[k], span[k], -k), reverse=True)
    verse = rest[0] if rest else -1
    for place, i in enumerate(inner):
        if groups[i] == chorus:
            labels[i] = "chorus"
        elif groups[i] == verse:
            labels[i] = "verse"
        else:
            labels[i] = "bridge" if place > 0 and times[groups[i]] == 1 else "part"
    return labels
