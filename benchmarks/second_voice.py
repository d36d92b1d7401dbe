"""Another voice, of which it is certain when it says what: espeak-ng's own, in a process of its own.

    python -m benchmarks.second_voice OUT.npz < sentences.json

`sentences.json` is a list of texts. OUT.npz has, for each, `sound<n>`, float32 at `RATE`, and `words<n>`, of two
columns: index of a character, second at which what stands there begins.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

RATE = 22050
SYNCHRONOUS, UTF8, WORD, END_OF_LIST = 2, 1, 1, 0


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


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def _said(library: ctypes.CDLL, text: str) -> Said:
    pieces: list[NDArray[np.int16]] = []
    words: list[tuple[int, float]] = []

    def heard(wave: ctypes._Pointer[ctypes.c_short], samples: int, events: ctypes._Pointer[_Event]) -> int:
        if wave and samples:
            pieces.append(np.ctypeslib.as_array(wave, (samples,)).copy())
        index = 0
        while (event := events[index]).type != END_OF_LIST:
            index += 1
            if event.type == WORD:
                words.append((event.text_position - 1, event.audio_position / 1000))
        return 0

    callback = _Callback(heard)
    library.espeak_SetSynthCallback(callback)
    data = text.encode()
    library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 1, 0, UTF8, None, None)
    sound = np.concatenate(pieces).astype(np.float32) / np.float32(32768)
    return Said(sound, np.array(words, dtype=np.float64))


def main() -> int:
    """Say what comes on stdin."""
    library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0)
    assert rate == RATE
    assert library.espeak_SetVoiceByName(b"en-us") == 0
    arrays: dict[str, Any] = {}
    for index, text in enumerate(json.load(sys.stdin)):
        arrays[f"sound{index}"], arrays[f"words{index}"] = _said(library, text)
    np.savez(sys.argv[1], **arrays)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
