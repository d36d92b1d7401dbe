"""Draws every look and writes docs/looks.md: what it looks like, how it moves, and that it doesn't flash.

`make gallery`. Everything is drawn by the renderer itself from a theme picture in examples/ and a song that is
nothing but beats and words, so the same code gives the same pictures.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from examples.shots import FPS, paint, shot, song
from libs.contracts.looks import LookEntry
from libs.measure.light import small_size
from libs.measure.motion import stillest
from libs.measure.watch import Seen, Watch
from services.generator.builtin.looks import all_looks

DOCS = Path(__file__).resolve().parent
SHOT = 150
"""Frames of each shot."""
MOMENTS = (36, 82, 128)
"""Frames of the shot that are shown in wide format; the second one upright too."""
TALL = 180
"""Pixels of a picture's height on the page."""

FAMILIES = {
    "cutout": "The subject of the theme picture, cut out and set like a poster",
    "press": "The theme picture as if it were printed",
    "photo": "The theme picture, graded and lit",
    "collage": "The theme picture in pieces",
    "flow": "Drawn: what runs and folds",
    "geometry": "Drawn: cut shapes",
    "land": "Drawn: landscapes",
    "type": "Words, large",
}


def drawn(entry: LookEntry, number: int) -> npt.NDArray[np.uint8]:
    """Three moments in wide format and one upright, side by side: TALL x ... x 3, BGR."""
    order = shot(entry.name, number, SHOT)
    wide, upright = paint(order, 1280, 720), paint(order, 720, 1280)
    frames = [wide.frame(index) for index in MOMENTS] + [upright.frame(MOMENTS[1])]
    gap = np.full((TALL, 6, 3), 255, np.uint8)
    row: list[npt.NDArray[np.uint8]] = []
    for frame in frames:
        width = round(TALL * frame.shape[1] / frame.shape[0])
        small = cv2.resize(frame, (width, TALL), interpolation=cv2.INTER_AREA)
        row += [np.asarray(small, dtype=np.uint8), gap]
    return np.concatenate(row[:-1], axis=1)


def watched(entry: LookEntry, number: int, bpm: float) -> Seen:
    """A loud shot of the look, as an eye sees it."""
    painter = paint(shot(entry.name, number, SHOT, energy=1.0), 480, 270, analysis=song(bpm, 1.0))
    watch, size = Watch(), small_size(480, 270)
    for index in range(SHOT):
        small = cv2.resize(painter.frame(index), size, interpolation=cv2.INTER_AREA)
        watch.add(np.ascontiguousarray(small[..., ::-1]), float(index / FPS))
    return watch.seen()


def measured(entry: LookEntry, number: int) -> str:
    """The look's row in the table of measures."""
    slow, fast = watched(entry, number, 112.0), watched(entry, number, 176.0)
    least = stillest(slow.changes, 0.0, float(SHOT / FPS))
    share = 0.0 if least is None else 100.0 * least.share
    return f"| {entry.name} | {slow.flashes.a_second:.1f} | {fast.flashes.a_second:.1f} | {share:.0f} % |"


def page(entries: list[LookEntry], rows: list[str]) -> str:
    """The text of docs/looks.md."""
    text = [
        "# Looks\n",
        "Written by `make gallery`. What the builtin renderer can draw, on any computer. `--style NAME` takes a",
        "look or a whole family; without it the planner casts a few looks for a song by its sections, its energy,",
        "its mood and the seed. Each row shows three moments of one shot in 16:9 and one in 9:16. A look whose",
        "need isn't met (no theme picture, no subject that can be cut out, no words) has a stand-in.\n",
        "A new look is one file in `services/generator/builtin/looks`: its entry, `make(stage)`, and a class that",
        "draws a frame at a moment. `make docs` puts it into the catalogue, `make gallery` onto this page.\n",
    ]
    for family, title in FAMILIES.items():
        own = [entry for entry in entries if entry.family == family]
        if not own:
            continue
        text.append(f"## {family}\n\n{title}.\n")
        for entry in own:
            needs = f" Needs {', '.join(entry.needs)}; stand-in: `{entry.stand_in}`." if entry.needs else ""
            text.append(f"### {entry.name}\n\n{entry.summary}{needs}\n")
            text.append(f"![{entry.name}](looks/{entry.name}.jpg)\n")
    text += [
        "## Measured\n",
        "Flashes in the worst second of five loud ones (WCAG 2.3.1 allows 3, this project 2), at two tempos; and",
        "the share of a 96x54 picture that visibly changes within half a second, in the stillest second.\n",
        "| look | flashes at 112 bpm | at 176 bpm | moves in the stillest second |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
    ]
    return "\n".join(text)


def main() -> int:
    """Draw all looks and write the page. Returns the exit code."""
    folder = DOCS / "looks"
    folder.mkdir(exist_ok=True)
    entries = [look.entry for look in all_looks().values()]
    rows: list[str] = []
    for number, entry in enumerate(entries):
        image = drawn(entry, number)
        cv2.imwrite(str(folder / f"{entry.name}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 82])
        rows.append(measured(entry, number))
        sys.stdout.write(f"{rows[-1]}\n")
        sys.stdout.flush()
    for stale in folder.glob("*.jpg"):
        if stale.stem not in {entry.name for entry in entries}:
            stale.unlink()
    (DOCS / "looks.md").write_text(page(entries, rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
