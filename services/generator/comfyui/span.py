"""The span of the song to which a piece of a clip moves. For a worker child."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import numpy as np

from libs.contracts.storyboard import Shot
from libs.media.sound import mono_chunks
from services.generator.comfyui.pieces import Cutting, Piece

RATE = 44_100
"""Hz."""


def span_of(shot: Shot, fps: Fraction, cutting: Cutting, piece: Piece) -> tuple[float, float]:
    """Where in the song the piece begins, and how long it is, in seconds. May lie beyond either end of the song.

    fps: of the video, whose first frame is heard with the song's first sample.
    """
    first = (shot.scene.start_frame - shot.lead) / fps
    start = first + (piece.start - cutting.lead) / cutting.fps
    return float(start), float(piece.frames / cutting.fps)


def cut_span(song: Path, start_s: float, seconds: float, out: Path) -> None:
    """Write a span of the song as WAV: one channel, 16 bits; silence where the song isn't.

    Raises Permanent("not_media", "no_audio_stream"), OSError when the disk is full.
    """
    first, samples = round(start_s * RATE), round(seconds * RATE)
    heard = np.zeros(samples, np.float32)
    place = -first
    """Where in the span the next chunk begins."""
    for chunk in mono_chunks(song, RATE):
        inside = chunk[max(-place, 0) : max(samples - place, 0)]
        at = max(place, 0)
        heard[at : at + len(inside)] = inside
        place += len(chunk)
        if place >= samples:
            break
    with wave.open(str(out), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(heard, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
