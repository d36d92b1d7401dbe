"""How well and how fast songs with known truth are heard, and how close planned cuts come to true beats.

    python benchmarks/analyzer.py [--json] [FOLDER]

FOLDER holds the songs and truth.json; BEATLOOM_TESTDATA/audio, or ../shared/testdata/audio, when left out.
The column rosa25 is librosa's F at 25 ms on the same songs, its beats moved by the 40 ms that they are late.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path

import librosa
import numpy as np

from libs.contracts.jobs import JobOptions
from libs.media.sound import mono_chunks
from services.analyzer.analyze import analyze
from services.planner.plan import plan
from tests.integration.analyzer.scores import (
    Times,
    Truth,
    beat_times,
    bounds_f,
    cut_distances,
    downbeats_f,
    score_beats,
    tempo_right,
)

LIBROSA_LATE_S = 0.040
"""How late librosa's beats are on these songs; taken off before they are scored."""

COLUMNS = ("F70", "F25", "CMLt", "AMLt", "Acc1", "Acc2", "down", "b0.5", "b3", "cut40", "worst", "cpu", "rosa25")
OTHER_TEMPI = (1.0, 2.0, 3.0, 1 / 2, 1 / 3)


def measure(path: Path, truth: Truth) -> dict[str, float | None]:
    """The columns of one song; None where the truth is not known."""
    began = time.process_time()
    found = analyze(path)
    cpu = time.process_time() - began
    score = score_beats(truth, beat_times(found))
    distances = cut_distances(truth, plan(found, JobOptions(), 1)[0])
    return {
        "F70": score.f70,
        "F25": score.f25,
        "CMLt": score.cmlt,
        "AMLt": score.amlt,
        "Acc1": float(tempo_right(truth, found.tempo.bpm)),
        "Acc2": float(tempo_right(truth, found.tempo.bpm, OTHER_TEMPI)),
        "down": downbeats_f(truth, found),
        "b0.5": bounds_f(truth, found, 0.5),
        "b3": bounds_f(truth, found, 3.0),
        "cut40": float(np.mean(distances <= 0.040)),
        "worst": 1000.0 * float(distances.max()),
        "cpu": cpu,
        "rosa25": score_beats(truth, librosa_beats(path)).f25,
    }


def librosa_beats(path: Path) -> Times:
    """The beats of librosa's tracker, freed from their lateness: what ours is measured beside."""
    samples = np.concatenate(list(mono_chunks(path, 22050)))
    _, times = librosa.beat.beat_track(y=samples, sr=22050, units="time")
    return np.asarray(times, dtype=float) - LIBROSA_LATE_S


def row(name: str, values: dict[str, float | None]) -> str:
    cells = ("-" if (value := values[column]) is None else f"{value:.2f}" for column in COLUMNS)
    return f"{name[:26]:26}" + "".join(f"{cell:>8}" for cell in cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    options = parser.parse_args()
    default = Path(__file__).resolve().parents[2] / "shared" / "testdata"
    folder = options.folder or Path(os.environ.get("BEATLOOM_TESTDATA", default)) / "audio"
    truths: dict[str, Truth] = json.loads((folder / "truth.json").read_text())
    print(f"{'song':26}" + "".join(f"{column:>8}" for column in COLUMNS))
    rows = {}
    seconds = 0.0
    for name, truth in truths.items():
        rows[name] = measure(folder / name, truth)
        seconds += float(truth["duration"])
        print(row(name, rows[name]), flush=True)
    means: dict[str, float | None] = {}
    for column in COLUMNS:
        known = [value for values in rows.values() if (value := values[column]) is not None]
        means[column] = float(np.mean(known))
    print(row("mean", means))
    cpu = sum(values["cpu"] or 0.0 for values in rows.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{seconds / cpu:.0f} times faster than the song plays (CPU); peak memory {peak:.0f} MB")
    if options.json:
        figures = {column.lower().replace(".", "_"): round(value or 0.0, 4) for column, value in means.items()}
        print(json.dumps({**figures, "speed": round(seconds / cpu, 1), "peak_mb": round(peak)}))


if __name__ == "__main__":
    main()
