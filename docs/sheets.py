"""Contact sheets of whole videos for docs/sheets: a song with and without its picture, wide and upright.

    python docs/sheets.py SONG --image F [--title T] [--lyrics F] [--seed N]

Each video is made by `beatloom render` with a shorter side of 360 and thrown away; its sheet stays, small.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

SHEETS = Path(__file__).resolve().parent / "sheets"
WIDTH = 1100
"""Pixels of a sheet here; the one beside a video is larger."""


def main() -> int:
    """Make the four sheets of one song. Returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("song", type=Path)
    options.add_argument("--image", type=Path, required=True)
    options.add_argument("--title", default="")
    options.add_argument("--lyrics", type=Path)
    options.add_argument("--seed", default="1")
    given = options.parse_args()
    SHEETS.mkdir(exist_ok=True)
    for kind in ("plain", "picture"):
        for shape, aspect in (("wide", "16:9"), ("tall", "9:16")):
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "video.mp4"
                command = [sys.executable, "-m", "services.standalone", "render", str(given.song), "-o", str(out)]
                command += ["--height", "360", "--aspect", aspect, "--seed", given.seed, "--title", given.title]
                command += ["--image", str(given.image)] if kind == "picture" else []
                command += ["--lyrics", str(given.lyrics)] if given.lyrics else []
                subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
                sheet = cv2.imread(str(out.with_name("video.sheet.jpg")))
            if sheet is None:
                raise SystemExit(f"There is no sheet of {given.song}.")
            small = cv2.resize(
                sheet, (WIDTH, round(sheet.shape[0] * WIDTH / sheet.shape[1])), interpolation=cv2.INTER_AREA
            )
            name = f"{given.song.stem}-{kind}-{shape}.jpg"
            cv2.imwrite(str(SHEETS / name), small, [cv2.IMWRITE_JPEG_QUALITY, 78])
            sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
