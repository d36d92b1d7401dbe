"""A Piper model: symbols in, sound out, with the time of each symbol. Lives in worker children."""

from __future__ import annotations

import zlib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from services.generator.voice.piper_config import PiperConfig
from services.generator.voice.piper_graph import open_up
from services.generator.voice.port import Sound

_BEGIN, _END, _PAD = "^", "$", "_"
_CHANNELS = 192
_ROUNDED_UP = 0.31
"""Of what symbols last: by so much they become longer, at any pace, as each is rounded up to a whole frame."""
_FRAMES_A_SYMBOL = 16
"""More than a symbol ever lasts on average, at its own pace; it is the room for noise."""


class PiperError(Exception):
    """The model can't be had, or makes no sound."""


class Uttered(NamedTuple):
    """Sound, and for each symbol the samples from and to which it is heard."""

    sound: Sound
    bounds: list[tuple[int, int]]


class PiperModel:
    """A loaded model. Raises PiperError where the file is none."""

    def __init__(self, path: Path, config: PiperConfig) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # 10 % slower, and 200 MB less are kept
        options.log_severity_level = 4
        try:
            self._names = names = open_up(path.read_bytes())
            self._session = onnxruntime.InferenceSession(names.model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's have no common base
            raise PiperError(f"{path.name} is no Piper model: {error}") from error
        self._names = names._replace(model=b"")
        outputs = {output.name: output.shape for output in self._session.get_outputs()}
        channels = outputs[names.sound_mean][1]
        self._channels = channels if isinstance(channels, int) else _CHANNELS
        self._sound = self._session.get_outputs()[0].name
        self._config = config
        self._speakers = any(entry.name == "sid" for entry in self._session.get_inputs())

    def utter(self, symbols: str, *, speed: float, speaker: int = 0) -> Uttered:
        """Say the symbols; those that the voice doesn't know last no time. The same gives the same sound again.

        Raises PiperError.
        """
        ids, firsts = self._encode(symbols)
        scales = self._config.inference
        pace = scales.length_scale * ((1 + _ROUNDED_UP) / speed - _ROUNDED_UP)
        random = np.random.default_rng(zlib.crc32(ids.tobytes()))
        room = int(_FRAMES_A_SYMBOL * len(ids) * max(1.0, pace)) + 100
        feed = {
            "input": ids[None],
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": np.array([scales.noise_scale, pace, scales.noise_w], dtype=np.float32),
            self._names.pace_noise: random.standard_normal((1, 2, len(ids)), dtype=np.float32),
            self._names.sound_noise: random.standard_normal((1, self._channels, room), dtype=np.float32),
        }
        if self._speakers:
            feed["sid"] = np.array([speaker], dtype=np.int64)
        try:
            sound, frames = self._session.run([self._sound, self._names.durations], feed)
        except Exception as error:
            raise PiperError(f"the model failed: {error}") from error
        samples = np.ascontiguousarray(sound, dtype=np.float32).reshape(-1)
        ends = np.concatenate([[0], np.cumsum(frames.reshape(-1))])
        if not len(samples) or ends[-1] <= 0 or not np.isfinite(samples).all():
            raise PiperError("the model made no sound")
        ends = np.rint(ends * (len(samples) / ends[-1])).astype(int)
        bounds = [(int(ends[first]), int(ends[end])) for first, end in pairwise(firsts)]
        return Uttered(samples, bounds)

    def _encode(self, symbols: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], list[int]]:
        """Ids, and where those of each symbol begin, with one more for the end. After each comes a pad."""
        table = self._config.phoneme_id_map
        pad = table.get(_PAD, [0])
        ids = [*table.get(_BEGIN, [1]), *pad]
        firsts = []
        for symbol in symbols:
            firsts.append(len(ids))
            for number in table.get(symbol, []):
                ids += [number, *pad]
        firsts.append(len(ids))
        ids += table.get(_END, [2])
        return np.array(ids, dtype=np.int64), firsts
