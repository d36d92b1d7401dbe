"""Loudness of sound by EBU R128, as the filter `ebur128` of libavfilter measures it. For a child process."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import av
import av.filter

from libs.media.sound import packer

_NOTHING = -69.9
"""LUFS up to which the gate of EBU R128 lets nothing through."""


class Loudness(NamedTuple):
    """Of a whole track."""

    integrated: float
    """LUFS."""
    range: float
    """LU."""
    true_peak: float
    """dBTP."""


class LoudnessMeter:
    """Takes decoded audio frames one by one."""

    def __init__(self) -> None:
        self._setup: tuple[str, str, int] | None = None
        self._resampler: Any = None
        self._graph: Any = None
        self._form = ("", 0)
        self._last: dict[str, str] = {}
        self.momentary: list[float] = []
        """LUFS of the last 0.4 s, at each tenth of a second; about -120 for silence."""

    def add(self, frame: Any) -> None:
        """The next frame; not changed. Raises what libav raises for channels that are in no known order."""
        setup = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._graph is None:
            self._form = (frame.layout.name, frame.sample_rate)
            self._graph = _graph(*self._form)
        if setup != self._setup:
            self._flush()
            self._resampler = packer(*self._form)
            self._setup = setup
        self._take(self._resampler.resample(frame))

    def loudness(self) -> Loudness | None:
        """Of all frames; None when nothing can be heard, or is shorter than 0.4 s. Ends the measurement."""
        if self._graph is None:
            return None
        self._flush()
        self._take([None])
        integrated = float(self._last.get("lavfi.r128.I", "nan"))
        peak = float(self._last.get("lavfi.r128.true_peak", "nan"))
        if not (integrated > _NOTHING and peak > 0):
            return None
        spread = float(self._last.get("lavfi.r128.LRA", "0"))
        return Loudness(integrated, spread, 20 * math.log10(peak))

    def _flush(self) -> None:
        if self._resampler is not None:
            self._take(self._resampler.resample(None))
            self._resampler = None

    def _take(self, frames: list[Any]) -> None:
        for frame in frames:
            self._graph.push(frame)
            while True:
                try:
                    out = self._graph.pull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
                if out.metadata:
                    self._last = out.metadata
                    self.momentary.append(float(self._last.get("lavfi.r128.M", "-inf")))


def _graph(layout: str, rate: int) -> Any:
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout=layout, time_base=Fraction(1, rate))
    meter = graph.add("ebur128", "metadata=1:peak=true:framelog=quiet")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    return graph
