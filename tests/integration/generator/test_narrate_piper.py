"""A script narrated by the default engine: the sound is whole, in its slots, and as loud as it should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from libs.artifacts import open_store
from libs.media.sound import mono_chunks
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.voice.piper import Piper
from services.generator.voice.piper_voices import PiperVoices
from tests.integration.generator.booth import Booth, likeness, loudness, resampled, slot_bounds

SCRIPT = """Three ships came in on the evening tide. Stop!

Nobody in the village knew whose they were, or what they carried."""


async def test_the_default_voice_is_whole(tmp_path: Path, workers: WorkerPool) -> None:
    store = open_store(f"file://{tmp_path}/artifacts")
    voice = Piper(workers, PiperVoices(None, ""), timeout_s=120)
    async with Scratch(tmp_path / "scratch") as scratch:
        booth = Booth(store, scratch, workers)
        fact = await booth.narrate(voice, SCRIPT)
        word = await booth.narrate(voice, "Stop!")
    narration, sound = await booth.narration(fact), await booth.sound(fact.sound)
    assert (fact.sentences, fact.made, word.made, fact.notices) == (3, 3, 0, ())
    assert " ".join(one.text for sentence in narration.sentences for one in sentence.words) == " ".join(
        SCRIPT.split()
    )
    steps = np.abs(np.diff(sound))
    for sentence, blob, (start, done, end) in zip(
        narration.sentences, fact.spoken, slot_bounds(narration), strict=True
    ):
        async with store.local(blob) as path:
            made = np.concatenate(list(mono_chunks(path, sentence.rate)))
        assert len(made) == sentence.samples
        assert likeness(sound[start:end], resampled(made, sentence.rate), window=480) > 0.97
        assert not np.any(sound[done + 1 : end])
        joins = np.concatenate([steps[max(start - 50, 0) : start + 50], steps[done - 50 : done + 50]])
        assert joins.max() < 0.1 * steps[start + 400 : done - 400].max()
    for one in (sound, await booth.sound(word.sound)):
        assert abs(loudness(one).integrated + 16) < 0.5
        assert loudness(one).true_peak <= -1
