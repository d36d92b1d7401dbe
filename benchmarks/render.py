"""What a video costs: CPU and wall seconds by stage, memory by process, and how that compares to a bare encode.

    python benchmarks/render.py [--json] [--seconds 60,180] [--height 720,1080] [--image F] [--look NAME]

For each length and height a song is made and rendered by `beatloom render`, the whole process tree watched from
outside. A bare encode is ffmpeg (x264 veryfast, one thread, the quality that the video has) that reads the
finished video's own frames as raw I420 from a pipe, one a core at once; it is run in the same minute, on five
seconds out of every fifteen, and scaled up. Decoding them for it is not counted. The wall seconds of the render
are those of the command from start to end, starting and stopping the stack included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import msgspec

from benchmarks.processes import Watched, run_watched
from benchmarks.songs import write_song
from libs.contracts.report import Report
from libs.media.encoding import USUAL

SPAN_S, EVERY_S = 5, 15
"""Seconds that are encoded bare, out of so many."""
SEED = 7
FPS = 30


class Bare(msgspec.Struct, frozen=True):
    """The bare encode of the whole video, scaled up from its sample."""

    cpu: float
    megabits: float


class Priced(msgspec.Struct, frozen=True):
    """A video and what it took."""

    seconds: float
    width: int
    height: int
    watched: Watched
    report: Report
    bare: Bare

    @property
    def cpu_over_bare(self) -> float:
        """CPU of the whole render over that of the bare encode."""
        return self.watched.cpu / self.bare.cpu

    @property
    def wall_over_song(self) -> float:
        """Wall seconds of the render over the song's."""
        return self.watched.wall / self.seconds


def price(song: Path, seconds: float, height: int, folder: Path, extra: list[str]) -> Priced:
    """Renders the song and encodes its frames bare."""
    video = folder / f"{height}p-{seconds:g}s.mp4"
    command = [sys.executable, "-m", "services.standalone", "render", str(song), "-o", str(video), "--json"]
    command += ["--height", str(height), "--fps", str(FPS), "--seed", str(SEED), *extra]
    environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    watched = run_watched(command, environ)
    report = msgspec.json.decode(video.with_suffix(".report.json").read_bytes(), type=Report)
    return Priced(seconds, report.width, report.height, watched, report, bare_encode(video, report))


def bare_encode(video: Path, report: Report) -> Bare:
    """What x264 alone needs for the video's frames: one encoder a core at once, as busy as the render keeps them.

    A second of a core is worth less while its neighbour works, so one encoder alone would be another measure.
    """
    starts = range(0, max(1, round(report.duration) - SPAN_S + 1), EVERY_S)
    cores = min(len(os.sched_getaffinity(0)), len(starts))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(cores) as pool:
        outs = [Path(folder) / f"bare{core}.mp4" for core in range(cores)]
        shares = [starts[core::cores] for core in range(cores)]
        done = list(pool.map(partial(_encode, video, report), shares, outs))
        megabits = sum(out.stat().st_size for out in outs) * 8e-6
    frames = sum(count for count, _ in done)
    return Bare(sum(cpu for _, cpu in done) * report.frames / frames, megabits * FPS / frames)


def _encode(video: Path, report: Report, starts: Sequence[int], out: Path) -> tuple[int, float]:
    """Encodes these spans of the video's frames; how many they are, and the CPU seconds of the encoder."""
    tool = imageio_ffmpeg.get_ffmpeg_exe()
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p"]
    encode = [tool, "-v", "error", *raw, "-s", f"{report.width}x{report.height}", "-framerate", report.fps]
    encode += ["-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-crf", str(USUAL.crf), "-threads", "1"]
    size = report.width * report.height * 3 // 2
    frames = 0
    process = subprocess.Popen([*encode, str(out)], stdin=subprocess.PIPE)
    assert process.stdin is not None
    for start in starts:
        span = ["-ss", str(start), "-t", str(SPAN_S), "-i", str(video)]
        with subprocess.Popen([tool, "-v", "error", *span, *raw, "-"], stdout=subprocess.PIPE) as decoder:
            assert decoder.stdout is not None
            while data := decoder.stdout.read(size):
                process.stdin.write(data)
                frames += 1
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, encode)
    return frames, usage.ru_utime + usage.ru_stime


def table(priced: Priced) -> str:
    """What is printed of a video."""
    watched, report = priced.watched, priced.report
    lines = [
        f"{priced.width} x {priced.height}, {priced.seconds:g} s of song, {report.frames} frames, "
        f"{report.size_bytes * 8e-6 / report.duration:.1f} Mb/s",
        f"  {'stage':12} {'CPU s':>8} {'wall s':>8} {'CPU ms/frame':>13}",
    ]
    stages = [(stage.stage, stage.cpu_seconds, stage.wall_seconds) for stage in report.stages]
    stages.append(("the rest", watched.cpu - sum(cpu for _, cpu, _ in stages), 0.0))
    stages[-1] = (stages[-1][0], stages[-1][1], watched.wall - sum(wall for _, _, wall in stages[:-1]))
    for name, cpu, wall in [*stages, ("whole", watched.cpu, watched.wall)]:
        lines.append(f"  {name:12} {cpu:8.1f} {wall:8.1f} {1e3 * cpu / report.frames:13.1f}")
    bare = priced.bare
    lines += [
        f"  {'bare encode':12} {bare.cpu:8.1f} {'':8} {1e3 * bare.cpu / report.frames:13.1f}",
        f"  CPU over bare {priced.cpu_over_bare:.2f}, wall over song {priced.wall_over_song:.2f}",
        "  peak memory in MB: " + ", ".join(f"{kind} {peak:.0f}" for kind, peak in sorted(watched.peak_mb.items())),
    ]
    return "\n".join(lines)


def numbers(text: str) -> list[int]:
    """The whole numbers in a list with commas."""
    return [int(part) for part in text.split(",")]


def main() -> int:
    """Prints a table for each video. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=numbers, default=[60, 180], help="lengths of song (default 60,180)")
    parser.add_argument("--height", type=numbers, default=[720, 1080], help="shorter sides (default 720,1080)")
    parser.add_argument("--image", type=Path, help="a theme picture for all of them")
    parser.add_argument("--style", default="auto", help="a look or a family (default auto)")
    parser.add_argument("--keep", type=Path, help="leave the videos and reports in this folder")
    parser.add_argument("--json", action="store_true", help="one object as the last line")
    options = parser.parse_args()
    extra = ["--style", options.style] + (["--image", str(options.image)] if options.image else [])
    figures: dict[str, float] = {}
    peak = 0.0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for height in options.height:
            for seconds in options.seconds:
                song = write_song(folder / f"{seconds}s.wav", seconds)
                priced = price(song, seconds, height, folder, extra)
                print(table(priced), flush=True)
                figures[f"cpu_over_bare_{height}p_{seconds}s"] = round(priced.cpu_over_bare, 3)
                figures[f"wall_over_song_{height}p_{seconds}s"] = round(priced.wall_over_song, 3)
                peak = max(peak, *priced.watched.peak_mb.values())
    print(f"{time.monotonic() - began:.0f} s in all; no process had more than {peak:.0f} MB")
    if options.json:
        print(json.dumps({**figures, "peak_rss_mb": round(peak)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
