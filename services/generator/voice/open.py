"""Which engine speaks: what the settings say."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from libs.contracts.errors import Permanent
from libs.runtime.workplace import Workplace
from services.generator.comfyui.build import ComfyLink
from services.generator.costs import Costs
from services.generator.settings import GeneratorSettings
from services.generator.voice.align import Aligner
from services.generator.voice.comfyui import ComfyVoice
from services.generator.voice.openai import SpeechServer
from services.generator.voice.piper import Piper
from services.generator.voice.piper_voices import PiperVoices
from services.generator.voice.port import Voice
from services.generator.voice.speaking import Align

ASKED_AT_ONCE = 4
"""Sentences that a speech server is asked for side by side: it then knows what comes next."""


class Engine(NamedTuple):
    """A voice engine, and what it needs beside it."""

    voice: Voice
    at_once: int
    """Sentences that it is asked for at the same time."""
    align: Align | None = None
    """When words are heard, where the engine doesn't say."""


def open_engine(
    settings: GeneratorSettings, place: Workplace, comfyui: ComfyLink | None = None, costs: Costs | None = None
) -> Engine:
    """The engine of the settings. comfyui: the pool of servers, if there is one. costs: None: nothing costs.

    Raises Permanent("bad_setting").
    """
    if settings.voice_workflow:
        if comfyui is None or comfyui.speaks is None:
            hint = "Name the servers in BEATLOOM_GENERATOR_COMFYUI_URLS."
            raise Permanent("bad_setting", "BEATLOOM_GENERATOR_VOICE_WORKFLOW needs ComfyUI servers.", hint=hint)
        workflow = ComfyVoice(
            comfyui.speaks,
            comfyui.live,
            voice=settings.voice,
            store=place.store,
            workers=place.pool,
            scratch=place.scratch,
        )
        return Engine(workflow, settings.hold, Aligner(place.pool, _piper(settings, place, "")))
    if not settings.speech_url:
        return Engine(_piper(settings, place, settings.voice), at_once=place.pool.size)
    server = SpeechServer(
        settings.speech_url,
        settings.speech_model,
        settings.voice,
        place.pool,
        place.scratch,
        costs=costs,
        key=settings.speech_key,
        sound=settings.speech_format,
        timeout_s=settings.voice_timeout_s,
    )
    return Engine(server, ASKED_AT_ONCE, Aligner(place.pool, _piper(settings, place, "")))


def _piper(settings: GeneratorSettings, place: Workplace, default: str) -> Piper:
    folder = Path(settings.voices) if settings.voices else None
    return Piper(place.pool, PiperVoices(folder, default), timeout_s=settings.voice_timeout_s)
