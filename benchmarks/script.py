"""What a narrated video costs, and how well its captions go with its voice.

    python -m benchmarks.script [--json] [--height 720] [--script examples/script.txt] [--music F] [--keep DIR]

A script is rendered by `beatloom render`, the whole process tree watched from outside. Then the times of the
manifest's words are compared with when they are heard in the finished video's sound: another voice is warped onto
each scene's sound (`benchmarks/heard.py`).

Figures: script_s (how long the video is), video_s (how long it took), cpu_s and voice_cpu_s (of them, to speak),
words_within_150ms (a share), word_median_ms.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import av
import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.heard import word_starts
from benchmarks.processes import Watched, run_watched
from benchmarks.second_voice import RATE, say
from libs.contracts.manifest import Manifest
from libs.contracts.report import Report

SEED = 7
ROOT = Path(__file__).resolve().parents[1]
NEAR_S = 0.15


def render(options: argparse.Namespace, folder: Path) -> Watched:
    """Make the video; it and all of its files lie in the folder then."""
    command = [sys.executable, "-m", "services.standalone", "render", "--script", str(options.script), "--json"]
    command += ["--height", str(options.height), "--seed", str(SEED), "--keep", str(folder)]
    command += ["-o", str(folder / "video.mp4")] + (["--music", str(options.music)] if options.music else [])
    return run_watched(command, {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")})


def hear(video: Path) -> NDArray[np.float32]:
    """Its sound as mono at `RATE`."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    parts = []
    with av.open(str(video)) as file:
        for frame in file.decode(audio=0):
            parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
        parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float32)


def lateness(manifest: Manifest, sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """For each word of which it can be told: seconds that it is heard after it is shown."""
    told = [scene for scene in manifest.scenes if scene.words]
    texts = [" ".join(word.text for word in scene.words) for scene in told]
    found: list[float] = []
    for scene, text, said in zip(told, texts, say(texts), strict=True):
        first = max(scene.words[0].start - NEAR_S, 0.0)
        piece = sound[round(first * RATE) : round((scene.words[-1].end + NEAR_S) * RATE)]
        heard = word_starts(said, text, [word.text for word in scene.words], piece, RATE)
        found += [
            first + time - word.start
            for time, word in zip(heard, scene.words, strict=True)
            if time is not None and word.spoken
        ]
    return np.array(found)


def table(report: Report, watched: Watched) -> str:
    """What is printed of the video."""
    stages = [(stage.stage, stage.cpu_seconds, stage.wall_seconds) for stage in report.stages]
    lines = [f"{report.width} x {report.height}, {report.duration:.1f} s, {len(report.cuts) + 1} scenes"]
    lines += [f"  {name:12} {cpu:8.1f} s of CPU, {wall:6.1f} s" for name, cpu, wall in stages]
    lines.append(f"  {'whole':12} {watched.cpu:8.1f} s of CPU, {watched.wall:6.1f} s")
    lines.append(f"  {watched.wall / report.duration:.2f} times as long as the video")
    peaks = ", ".join(f"{kind} {peak:.0f}" for kind, peak in sorted(watched.peak_mb.items()))
    return "\n".join([*lines, f"  peak memory in MB: {peaks}"])


def main() -> int:
    """Prints what it took. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--script", type=Path, default=ROOT / "examples" / "script.txt", help="what is said")
    parser.add_argument("--music", type=Path, help="music under the voice")
    parser.add_argument("--height", type=int, default=720, help="the shorter side (default 720)")
    parser.add_argument("--keep", type=Path, help="leave the video and its files in this folder")
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        watched = render(options, folder)
        report = msgspec.json.decode((folder / "video.report.json").read_bytes(), type=Report)
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
        late = lateness(manifest, hear(folder / "video.mp4"))
    near = float((np.abs(late) <= NEAR_S).mean())
    median_ms = 1000 * float(np.median(late))
    print(table(report, watched))
    print(f"  {len(late)} words: {near:.1%} heard within 150 ms of when they are lit, median {median_ms:.0f} ms")
    if options.json:
        figures = {
            "script_s": round(report.duration, 2),
            "video_s": round(watched.wall, 2),
            "cpu_s": round(watched.cpu, 2),
            "voice_cpu_s": round(sum(one.cpu_seconds for one in report.stages if one.stage == "analyzing"), 2),
            "words_within_150ms": round(near, 4),
            "word_median_ms": round(median_ms),
        }
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
