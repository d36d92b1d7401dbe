"""What each look costs to draw, beside what x264 veryfast needs for the same frames, and how many bits they take.

    python benchmarks/looks.py [NAME ...] [--size 1280x720] [--seconds 4] [--json]

CPU milliseconds a frame, each on one thread, in one run; a palette and a picture as on docs/looks.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import cv2
import imageio_ffmpeg

from examples.shots import FPS, paint, shot
from services.generator.builtin.looks import all_looks

CRF = 18


def encoded(frames: list[bytes], width: int, height: int) -> tuple[float, int]:
    """CPU seconds and bytes of a bare encode."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p"]
    command += ["-s", f"{width}x{height}", "-r", str(FPS), "-i", "-", "-c:v", "libx264", "-preset", "veryfast"]
    command += ["-crf", str(CRF), "-threads", "1", "-f", "h264", "-"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, input=b"".join(frames), capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, len(done.stdout)


def measured(name: str, number: int, width: int, height: int, count: int) -> dict[str, float]:
    """The look's figures."""
    began = time.process_time()
    painter = paint(shot(name, number, count), width, height)
    ready = time.process_time()
    frames, drawing = [], 0.0
    for index in range(count):
        start = time.process_time()
        frame = painter.frame(index)
        drawing += time.process_time() - start
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes())
    spent, size = encoded(frames, width, height)
    return {
        "ready_ms": 1e3 * (ready - began),
        "draw_ms": 1e3 * drawing / count,
        "encode_ms": 1e3 * spent / count,
        "draw_over_encode": drawing / spent,
        "megabits": 8e-6 * size * float(FPS) / count,
    }


def main() -> int:
    """Print the table. Returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("names", nargs="*")
    options.add_argument("--size", default="1280x720")
    options.add_argument("--seconds", type=float, default=4.0)
    options.add_argument("--json", action="store_true", help="one object on the last line")
    given = options.parse_args()
    cv2.setNumThreads(1)
    width, height = (int(part) for part in given.size.split("x"))
    count = round(given.seconds * float(FPS))
    found: dict[str, dict[str, float]] = {}
    sys.stdout.write(f"{'look':14} {'ready':>8} {'draw':>8} {'x264':>8} {'ratio':>7} {'Mb/s':>6}\n")
    for number, name in enumerate(all_looks()):
        if given.names and name not in given.names:
            continue
        row = found[name] = measured(name, number, width, height, count)
        sys.stdout.write(
            f"{name:14} {row['ready_ms']:6.0f}ms {row['draw_ms']:6.1f}ms {row['encode_ms']:6.1f}ms "
            f"{row['draw_over_encode']:7.2f} {row['megabits']:6.1f}\n"
        )
        sys.stdout.flush()
    if given.json:
        sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
