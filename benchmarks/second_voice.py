"""Another voice, of which it is certain when it says what: espeak-ng's own, in a process of its own.

    python -m benchmarks.second_voice OUT.npz < sentences.json

`sentences.json` is a list of texts. OUT.npz has, for each, `sound<n>`, float32 at `RATE`, and `words<n>`, of two
columns: index of a character, second at which what stands there begins.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.generator.voice.espeak import utter

RATE = 22050


class Said(NamedTuple):
    """A text as it was said."""

    sound: NDArray[np.float32]
    words: NDArray[np.float64]
    """Rows: index of a character, second."""


def say(texts: Sequence[str]) -> list[Said]:
    """All of them, by a child process."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "said.npz"
        command = [sys.executable, "-m", "benchmarks.second_voice", str(out)]
        subprocess.run(command, input=json.dumps(list(texts)), text=True, check=True)
        with np.load(out) as found:
            return [Said(found[f"sound{index}"], found[f"words{index}"]) for index in range(len(texts))]


def main() -> int:
    """Say what comes on stdin."""
    arrays: dict[str, Any] = {}
    for index, text in enumerate(json.load(sys.stdin)):
        said = utter(text, "en-us")
        assert said.rate == RATE
        arrays[f"sound{index}"], arrays[f"words{index}"] = said.sound, np.array(said.words, dtype=np.float64)
    np.savez(sys.argv[1], **arrays)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
