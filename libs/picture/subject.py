"""The subject of a picture: what can be cut out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Subject:
    """A subject that was found and is trusted."""

    mask: npt.NDArray[np.uint8]
    """Height x width of the picture, 0..255, with a soft edge."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom, in parts of the picture."""
    cover: float
    """The part of the picture that it covers, 0..1."""
    strength: float
    """How much stronger the edges along its rim are than elsewhere."""
