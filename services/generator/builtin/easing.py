"""How things come to rest: curves from 0 to 1, held outside."""

from __future__ import annotations


def cubic_out(phase: float) -> float:
    """Fast at first, settling."""
    return 1.0 - (1.0 - min(max(phase, 0.0), 1.0)) ** 3


def expo_out(phase: float) -> float:
    """Fast at first, settling long."""
    if phase <= 0.0:
        return 0.0
    return 1.0 if phase >= 1.0 else float(1.0 - 2.0 ** (-10.0 * phase))


def quintic(phase: float) -> float:
    """Slow, fast, slow."""
    phase = min(max(phase, 0.0), 1.0)
    return 16.0 * phase**5 if phase < 0.5 else 1.0 - 0.5 * (2.0 - 2.0 * phase) ** 5


def smooth(phase: float) -> float:
    """A soft step."""
    phase = min(max(phase, 0.0), 1.0)
    return phase * phase * (3.0 - 2.0 * phase)
