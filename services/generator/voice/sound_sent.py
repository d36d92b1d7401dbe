"""What servers send as speech: a file of any kind becomes sound, whatever is in it. For a worker child."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from libs.contracts.errors import BeatloomError, Retryable
from libs.media.guards import check_song_file, memory_limit
from libs.media.sound import mono_chunks, open_media
from services.generator.voice.port import Sound

RATE = 48_000
"""At which the sound of all servers is worked with."""
LARGEST = 100_000_000
"""Bytes of a file: nine minutes of 48 kHz in stereo, not compressed."""
LONGEST_S = 900.0
MEMORY = 2 << 30
DECODE_S = 120.0
_QUIET = 0.01
"""Of the loudest sample: what stays below at the ends is cut off."""
_SILENCE = 1e-3
"""Of full scale: what gets no louder is no speech."""
_MARGIN_S = 0.02
_WHOLE, _SLACK_S = 0.9, 0.3
"""Of what a file says that it has, how much must be there, but for so many seconds."""


def read_sound(path: Path) -> Sound:
    """The sound of a file, mono at RATE, without the silence at its ends.

    Raises Retryable("voice_failed") for what is no sound, breaks off, or has nothing to hear.
    """
    try:
        with memory_limit(MEMORY):
            sound, told_s = _read(path)
    except Retryable:
        raise
    except BeatloomError as error:
        raise failed(f"something that is no sound ({error.code})") from error
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise failed(f"sound that can't be decoded ({type(error).__name__})") from error
    if len(sound) / RATE < _WHOLE * told_s - _SLACK_S:
        raise failed(f"sound that breaks off after {len(sound) / RATE:.1f} of {told_s:.1f} s")
    return trimmed(sound)


def why_no_sound(path: Path) -> str:
    """Why a file can't be taken for speech, in words; "" where it can."""
    try:
        read_sound(path)
    except Retryable as error:
        return error.message
    return ""


def failed(what: str) -> Retryable:
    """The error for something that a server sent in place of speech."""
    return Retryable("voice_failed", f"The server sent {what}.")


def trimmed(sound: Sound) -> Sound:
    """The sound from just before to just after what is heard. Raises Retryable("voice_failed") for none."""
    levels = np.abs(sound)
    loudest = float(levels.max(initial=0.0))
    if not loudest > _SILENCE:
        raise failed("silence" if len(sound) else "no sound")
    heard = np.flatnonzero(levels >= _QUIET * loudest)
    margin = int(_MARGIN_S * RATE)
    return sound[max(0, int(heard[0]) - margin) : int(heard[-1]) + 1 + margin].copy()


def _read(path: Path) -> tuple[Sound, float]:
    """The samples, and how many seconds the file says that it has."""
    demuxer = check_song_file(path, LARGEST)
    chunks, count = [np.zeros(0, np.float32)], 0
    for chunk in mono_chunks(path, RATE):
        if not np.isfinite(chunk).all():
            raise failed("samples that are no numbers")
        chunks.append(chunk)
        count += len(chunk)
        if count > LONGEST_S * RATE:
            raise failed(f"more than {LONGEST_S:.0f} s of sound for one sentence")
    with open_media(path) as container:
        told_s = (container.duration or 0) / 1e6
    return np.clip(np.concatenate(chunks), -1.0, 1.0), told_s * _missing(path, demuxer)


def _missing(path: Path, demuxer: str) -> float:
    """How many times its own size a WAV file says that it has; libav believes the size that it finds."""
    with path.open("rb") as file:
        head = file.read(8)
    told, size = int.from_bytes(head[4:8], "little") + 8, path.stat().st_size
    streamed = told >= 1 << 31  # the size was not known when it began
    return told / size if demuxer == "wav" and head[:4] == b"RIFF" and not streamed else 1.0
