"""Where a sequence changes: the exact optimum of kernel change-point detection. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def change_points(features: npt.NDArray[np.float64], *, least: int, penalty: float, gamma: float) -> list[int]:
    """The rows at which a new part begins, ascending, row 0 left out.

    features: (rows, columns). Minimises, over all ways to cut the rows into parts of at least `least`, the
    sum of each part's scatter in the space of the kernel exp(-gamma |a - b|^2) plus `penalty` for each part
    (Arlot, Celisse and Harchaoui 2019). Time grows with the square of the rows, memory with the rows.
    Empty when there are fewer rows than two parts need.
    """
    rows = len(features)
    best = np.full(rows + 1, np.inf)
    best[0] = 0.0
    begins = np.zeros(rows + 1, dtype=np.intp)
    alike = np.zeros(rows)  # for each start: the kernel, summed over all pairs of rows from there to `end`
    for end in range(1, rows + 1):
        near = np.exp(-gamma * np.square(features[:end] - features[end - 1]).sum(axis=1))
        alike[:end] += 2.0 * near[::-1].cumsum()[::-1] - 1.0
        starts = end - least + 1
        if starts > 0:
            lengths = end - np.arange(starts)
            cost = best[:starts] + lengths - alike[:starts] / lengths + penalty
            begins[end] = cost.argmin()
            best[end] = cost[begins[end]]
    found: list[int] = []
    end = int(begins[rows])
    while end > 0:
        found.append(end)
        end = int(begins[end])
    return found[::-1]
