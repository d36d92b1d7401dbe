"""What a Piper voice says of itself: the `.onnx.json` beside its model."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Audio(msgspec.Struct, frozen=True):
    """What comes out."""

    sample_rate: int


class Espeak(msgspec.Struct, frozen=True):
    """Which voice of espeak-ng it was trained with."""

    voice: str


class Inference(msgspec.Struct, frozen=True):
    """How lively it speaks, and how slowly."""

    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w: float = 0.8


class PiperConfig(msgspec.Struct, frozen=True):
    """A voice's configuration, as Piper writes it; what we don't need is left out."""

    audio: Audio
    espeak: Espeak
    phoneme_id_map: dict[str, list[int]]
    inference: Inference = Inference()
    phoneme_type: str = "espeak"
    speaker_id_map: dict[str, int] = {}

    @property
    def language(self) -> str:
        """ISO 639-1. espeak's own names begin with it, but for Chinese and Norwegian."""
        code = self.espeak.voice.split("-")[0]
        return {"cmn": "zh", "nb": "no"}.get(code, code)


def read_config(path: Path) -> PiperConfig:
    """Read an `.onnx.json`. Raises ValueError for what is none, or is not for espeak's phonemes; and OSError."""
    try:
        config = msgspec.json.decode(path.read_bytes(), type=PiperConfig)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path.name} is no configuration of a Piper voice: {error}") from error
    if config.phoneme_type != "espeak":
        raise ValueError(f"{path.name} is of a voice that takes {config.phoneme_type}, and not espeak's phonemes")
    return config
