"""Change points against every possible cut, and on parts that are planted."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest

from services.analyzer.changes import change_points

LEAST, PENALTY, GAMMA = 3, 0.4, 0.3


def parts(seed: int, lengths: list[int], noise: float) -> npt.NDArray[np.float64]:
    """Rows of 5 columns: parts of these lengths, each around a mean of its own."""
    random = np.random.default_rng(seed)
    return np.vstack([3.0 * random.normal(size=5) + noise * random.normal(size=(n, 5)) for n in lengths])


def cost_of(features: npt.NDArray[np.float64], cuts: tuple[int, ...]) -> float:
    """What is minimised, straight from its definition."""
    total = 0.0
    for start, end in pairwise((0, *cuts, len(features))):
        part = features[start:end]
        kernel = np.exp(-GAMMA * np.square(part[:, None] - part[None, :]).sum(axis=2))
        total += PENALTY + len(part) - kernel.sum() / len(part)
    return total


@pytest.mark.parametrize("seed", range(6))
def test_no_other_cuts_cost_less(seed: int) -> None:
    features = parts(seed, [4, 6, 5], noise=1.5)
    rows = range(1, len(features))
    allowed = [
        cuts
        for count in range(len(features) // LEAST)
        for cuts in combinations(rows, count)
        if all(b - a >= LEAST for a, b in pairwise((0, *cuts, len(features))))
    ]
    found = change_points(features, least=LEAST, penalty=PENALTY, gamma=GAMMA)
    assert tuple(found) == min(allowed, key=lambda cuts: cost_of(features, cuts))


def test_planted_changes_are_found_exactly() -> None:
    features = parts(1, [40, 25, 60, 30], noise=0.3)
    assert change_points(features, least=10, penalty=1.5, gamma=0.2) == [40, 65, 125]


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5])
def test_too_few_rows_for_two_parts_have_no_change(rows: int) -> None:
    assert change_points(parts(0, [rows], noise=9.0), least=LEAST, penalty=0.0, gamma=GAMMA) == []
