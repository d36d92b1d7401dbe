"""Which engine the settings choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.contracts.errors import Permanent
from libs.runtime.settings import Shared
from libs.runtime.workplace import Workplace
from services.generator.settings import GeneratorSettings
from services.generator.voice.open import Engine, open_engine
from services.generator.voice.piper_voices import OURS


@pytest.fixture
async def shared(tmp_path: Path) -> Shared:
    return Shared(artifacts_url=(tmp_path / "store").as_uri(), scratch_dir=str(tmp_path / "scratch"), workers=2)


def engine_of(settings: GeneratorSettings) -> Engine:
    return open_engine(settings, Workplace("generator", settings.shared, None))


async def test_without_settings_the_voice_that_comes_along_speaks(shared: Shared) -> None:
    engine = engine_of(GeneratorSettings(shared=shared))
    assert (engine.voice.name, engine.voice.named(""), engine.at_once, engine.align) == ("piper", OURS, 2, None)


async def test_a_speech_server_speaks_where_one_is_named_and_the_local_voice_finds_the_times(
    shared: Shared,
) -> None:
    settings = GeneratorSettings(
        shared=shared, speech_url="http://127.0.0.1:1/v1", voice="sky", speech_key="sk-hush"
    )
    engine = engine_of(settings)
    assert (engine.voice.name, engine.voice.named(""), engine.voice.named("bella")) == ("openai", "sky", "bella")
    assert engine.align is not None
    assert "hush" not in repr(settings)


async def test_a_default_that_is_not_there_is_refused_at_the_start(shared: Shared) -> None:
    for settings in (
        GeneratorSettings(shared=shared, voice="nobody"),
        GeneratorSettings(shared=shared, voices="/nowhere"),
        GeneratorSettings(shared=shared, voice_workflow="tts"),
        GeneratorSettings(shared=shared, speech_url="nonsense"),
    ):
        with pytest.raises(Permanent) as refused:
            engine_of(settings)
        assert refused.value.code == "bad_setting"
