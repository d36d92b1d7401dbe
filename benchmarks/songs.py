"""Songs of any length for benchmarks: the sample song's verse and chorus in turns, the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from examples import make_sample as sample

FORM = "VVCVCCBC"
"""Turns of four bars, as often as it takes: verse, chorus, and a break of the verse at half its loudness."""


def write_song(path: Path, seconds: float) -> Path:
    """A WAV of about so many seconds (to the sample)."""
    whole = sample.compose()
    turn = round(sample.VERSE_BARS * 4 * sample.BEAT * sample.RATE)
    lead = round(sample.LEAD_IN * sample.RATE)
    verse, chorus = whole[lead : lead + turn], whole[lead + turn : lead + 2 * turn]
    parts = {"V": verse, "C": chorus, "B": 0.5 * verse}
    count = round(seconds * sample.RATE)
    pieces, length = [whole[:lead]], lead
    for number in range(count // turn + 1):
        pieces.append(parts[FORM[number % len(FORM)]])
        length += turn
    song = np.concatenate(pieces)[:count]
    song[-sample.RATE :] *= np.linspace(1.0, 0.0, sample.RATE)[:, None]
    sample.write_wav(path, song)
    return path
