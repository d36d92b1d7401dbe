"""Goes once through all that an analysis uses: `python -m services.analyzer.warm`.

Nothing here compiles at run time, so that it is short: it shows that the analyzer's packages work and has
their files in the disk cache before the first song. Ends with 1 when the analysis is not what was played.
"""

from __future__ import annotations

import sys

import numpy as np

from services.analyzer.analyze import analyze_samples
from services.analyzer.spectrum import RATE
from services.analyzer.tape import Array

BPM = 120.0


def clicks(seconds: float = 20.0) -> Array:
    """Short bursts at `BPM` over two chords that alternate each bar."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = np.mod(time, 60.0 / BPM)
    burst = np.exp(-phase * 60.0) * np.sin(2.0 * np.pi * 1000.0 * phase)
    chord = np.where(
        np.mod(time, 4.0) < 2.0, np.sin(2.0 * np.pi * 220.0 * time), np.sin(2.0 * np.pi * 330.0 * time)
    )
    return (0.5 * burst + 0.1 * chord).astype(np.float32)


def main() -> int:
    """0 when the tempo that was played was heard."""
    heard = analyze_samples(clicks(), b"[00:01.00]one line\n")
    return 0 if abs(heard.tempo.bpm - BPM) < 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
