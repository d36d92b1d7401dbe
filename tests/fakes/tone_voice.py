"""A voice engine that sings its words: each a tone of its own, the same every time, at times that are known."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter

import numpy as np
import numpy.typing as npt

from libs.bus.handler import TaskContext
from libs.contracts.errors import BeatloomError, Permanent
from services.generator.voice.port import Heard, Line, Speech

LETTER_S = 0.06
GAP_S = 0.03


class ToneVoice:
    """Implements `Voice`. It can say ASCII letters and digits.

    asked: how often it was asked for each text. failing: what it raises for a text, try by try. holding: texts that
    it never comes to an end with; `held` is set when it has begun one. given: what it says for a text, not tones.
    """

    name = "tones"
    version = "1"

    def __init__(self, *, rate: int = 22_050, level: float = 0.3, knows_times: bool = True) -> None:
        self.rate, self.level, self.knows_times = rate, level, knows_times
        self.asked: Counter[str] = Counter()
        self.failing: dict[str, list[BeatloomError]] = {}
        self.holding: set[str] = set()
        self.held = asyncio.Event()
        self.given: dict[str, Speech] = {}
        self.at_once = self.most_at_once = 0

    def named(self, voice: str) -> str:
        if voice not in ("", "alto"):
            raise Permanent("voice_unknown", "There is only alto.")
        return "alto"

    def language(self, voice: str) -> str:
        return "en"

    async def check(self) -> None:
        pass

    async def say(self, line: Line, context: TaskContext) -> Speech:
        self.asked[line.text] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            if line.text in self.holding:
                self.held.set()
                await asyncio.Event().wait()
            if self.failing.get(line.text):
                raise self.failing[line.text].pop(0)
            return self.given.get(line.text) or self.speech(line)
        finally:
            self.at_once -= 1

    def speech(self, line: Line) -> Speech:
        """What it says."""
        parts: list[npt.NDArray[np.float32]] = []
        heard: list[Heard] = []
        at = 0
        for word in line.words:
            tone = self.tone(word, line.speed)
            start, at = at / self.rate, at + len(tone)
            heard.append(Heard(start=start, end=at / self.rate, spoken=bool(len(tone))))
            if len(tone):
                gap = np.zeros(round(GAP_S * self.rate), np.float32)
                parts += [tone, gap]
                at += len(gap)
        sound = np.concatenate(parts[:-1]) if parts else np.zeros(0, np.float32)
        return Speech(sound=sound, rate=self.rate, words=tuple(heard) if self.knows_times else None)

    def tone(self, word: str, speed: float) -> npt.NDArray[np.float32]:
        """It begins and ends away from zero, as engines may cut their words."""
        letters = sum(char.isascii() and char.isalnum() for char in word)
        times = np.arange(round(letters * LETTER_S / speed * self.rate)) / self.rate
        pitch = 110 + zlib.crc32(word.encode()) % 120
        tone = np.zeros(len(times))
        for part in range(1, 12):
            tone += np.cos(2 * np.pi * pitch * part * times) / part**1.5
        return (self.level / 2.4 * tone).astype(np.float32)
