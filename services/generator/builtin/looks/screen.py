"""Screens of print: thresholds that turn tones into dots. Each level covers the same area."""

from __future__ import annotations

from math import cos, pi, radians, sin

import numpy as np

from services.generator.builtin.picture import Gray


def dot_screen(width: int, height: int, pitch: float, degrees: float) -> Gray:
    """A screen of dots, `pitch` pixels apart, turned by `degrees`."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    across, up = (
        np.float32(cos(radians(degrees)) * 2.0 * pi / pitch),
        np.float32(sin(radians(degrees)) * 2.0 * pi / pitch),
    )
    wave = np.cos(columns * across + rows * up) + np.cos(rows * across - columns * up)
    edges = np.quantile(wave[:: max(1, height // 256), :: max(1, width // 256)], np.linspace(0.0, 1.0, 257)[1:-1])
    table = np.searchsorted(edges, np.linspace(-2.0, 2.0, 4096))
    ranked = table[np.clip((wave + 2.0) * (4095.0 / 4.0), 0, 4095).astype(np.int32)]
    return np.asarray(18.0 + ranked * (216.0 / 255.0), dtype=np.uint8)
