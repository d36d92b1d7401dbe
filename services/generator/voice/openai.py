"""The engine of speech servers: a sentence is a `POST /v1/audio/speech`, as OpenAI and many free ones take it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np

from libs.bus.handler import Bill, TaskContext
from libs.contracts.errors import Permanent, Retryable
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from libs.script.words import is_sayable
from services.generator.comfyui.transport import tls
from services.generator.costs import Costs
from services.generator.voice.align import ALIGNED
from services.generator.voice.port import Line, Speech
from services.generator.voice.sound_sent import DECODE_S, LARGEST, RATE, failed, read_sound
from services.generator.voice.speech_server import is_text, no_sound, problem, speech_url

VERSION = "1"
"""Raised whenever the same line gives another sound."""
TRIES = 4
"""Of a sentence, while the server can't answer now; then the task is tried again, which finds what is said."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 20.0
"""Between these. A server that asks for more is left alone for so long."""
CHECK_S = 5.0
CHECKED_S = 30.0
"""How long an answer to a check holds."""
_ERROR_BYTES = 4096
_HEAD_S = 10.0
"""For the connection alone."""

log = logging.getLogger(__name__)


class SpeechServer:
    """Speaks by a server. It gives no times: they are found by `align`."""

    name = "openai"

    def __init__(
        self,
        url: str,
        model: str,
        voice: str,
        workers: WorkerPool,
        scratch: Scratch,
        *,
        costs: Costs | None = None,
        key: str = "",
        sound: str = "wav",
        timeout_s: float = 120.0,
    ) -> None:
        """url: as http://host:8880/v1. voice: where a line names none; "": each has to. costs: what characters
        cost, and tasks may; None: nothing costs. key: secret. sound: the kind of file to ask for. timeout_s: for a
        sentence, from asking to the last byte. scratch must be open when something is said. Raises
        Permanent("bad_setting").
        """
        if not key.isascii() or not key.isprintable() or " " in key:
            raise Permanent("bad_setting", "BEATLOOM_GENERATOR_SPEECH_KEY has letters that no header may have.")
        self._url = speech_url(url)
        self._model = model
        self._voice = voice
        self._key = key
        self._costs = costs or Costs()
        self._sound = sound
        self._timeout_s = timeout_s
        self._workers = workers
        self._scratch = scratch
        self._checked: tuple[float, Retryable | None] | None = None

    def __repr__(self) -> str:
        return f"SpeechServer({self._url.host!r}, {self._model!r})"

    @property
    def version(self) -> str:
        """Of the code; which server, model and kind of file; and how times are found."""
        told = hashlib.sha256(repr((self._url.base, self._model, self._sound)).encode()).hexdigest()[:12]
        return f"{VERSION}.{ALIGNED}-{told}"

    def named(self, voice: str) -> str:
        """See Voice. Which there are, the server alone knows."""
        name = voice or self._voice
        if not name:
            hint = "Name one in the order, or in BEATLOOM_GENERATOR_VOICE for all that name none."
            raise Permanent("voice_unknown", "The speech server has no voice of its own choice.", hint=hint)
        return name

    def language(self, voice: str) -> str:
        """Any."""
        return ""

    async def say(self, line: Line, context: TaskContext) -> Speech:
        """See Voice. Raises Permanent (voice_unavailable, voice_failed) for what waiting doesn't mend;
        BudgetExceeded."""
        if not any(map(is_sayable, line.words)):
            return Speech(sound=np.zeros(0, np.float32), rate=RATE, words=None)
        order = {
            "model": self._model,
            "voice": self.named(line.voice),
            "input": line.text,
            "response_format": self._sound,
            **({"speed": line.speed} if line.speed != 1.0 else {}),
        }
        async with self._scratch.folder() as folder:
            path = folder / "speech"
            bill = await self._patiently(order, path, context)
            work = await self._workers.run(read_sound, path, timeout_s=DECODE_S)
        context.spend(work.cpu_seconds)
        return Speech(sound=work.value, rate=RATE, words=None, bill=bill)

    async def check(self) -> None:
        """See Voice. Any answer will do that is no refusal: not every server lists its models."""
        if self._checked is None or time.monotonic() - self._checked[0] > CHECKED_S:
            self._checked = time.monotonic(), await self._looked()
        if self._checked[1] is not None:
            raise self._checked[1]

    async def _looked(self) -> Retryable | None:
        try:
            async with self._exchange("GET", self._url.models, CHECK_S) as response:
                body = await _beginning(response)
                if response.status_code in (401, 403, 407) or response.status_code >= 500:
                    told = problem(self._url.host, response, body, self._key, datetime.now(UTC))
                    return Retryable("voice_unavailable", told.message, hint=told.hint)
        except Retryable as error:
            return Retryable("voice_unavailable", error.message)
        return None

    async def _patiently(self, order: Mapping[str, Any], path: Path, context: TaskContext) -> Bill:
        """Ask, and ask again while the server can't answer now. Returns what it has cost."""
        spread = random.Random(str(order["input"]))  # noqa: S311  (no secret)
        name = f"speech/{hashlib.sha256(msgspec.json.encode(order)).hexdigest()[:16]}"
        for number in range(TRIES):
            try:
                await self._paid(name, order, path, context)
            except Retryable as error:
                wait = (
                    FIRST_WAIT_S * 2.0**number * spread.uniform(0.75, 1.25) if error.after is None else error.after
                )
                if error.code != "voice_unavailable" or number == TRIES - 1 or wait > LONGEST_WAIT_S:
                    raise
                log.info("%s; asked again in %.1f s", error, wait)
                await asyncio.sleep(wait)
            else:
                break
        return context.bill_of(name)

    async def _paid(self, name: str, order: Mapping[str, Any], path: Path, context: TaskContext) -> None:
        """The file of a sentence, on the bill of this name: from before it is asked for, so that sentences side by
        side can't cost too much. Whoever says no isn't paid. Raises as `say`."""
        before = context.bill_of(name)
        characters = before.characters + len(order["input"])
        bill = Bill(characters=characters, cost=self._costs.prices.of_characters(characters))
        self._costs.must_afford(context, bill.cost - before.cost)
        context.bill(name, bill)
        spoke = False
        try:
            async with self._exchange(
                "POST", self._url.speech, self._timeout_s, msgspec.json.encode(order)
            ) as response:
                spoke = response.is_success
                await self._fetch(response, path)
        except Exception:
            if not spoke:
                context.bill(name, before)
            raise

    async def _fetch(self, response: httpx.Response, path: Path) -> None:
        """The file of an answer. Raises as `say`."""
        host = self._url.host
        if not response.is_success:
            raise problem(host, response, await _beginning(response), self._key, datetime.now(UTC))
        if is_text(response):
            raise no_sound(host, response, await _beginning(response), self._key)
        if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise failed("something compressed, though none of that was asked for")
        size = 0
        with path.open("wb") as out:
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > LARGEST:
                    raise failed(f"more than {LARGEST // 10**6} MB for one sentence")
                await asyncio.to_thread(out.write, chunk)
        if not size:
            raise failed("an empty file")

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: str, limit_s: float, body: bytes | None = None
    ) -> AsyncIterator[httpx.Response]:
        """One request, and its answer's head. The whole block has `limit_s` seconds.

        Raises Retryable("voice_unavailable", "voice_failed", "timeout").
        """
        host = self._url.host
        headers = {"accept-encoding": "identity", "connection": "close", "accept": "*/*"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        if body is not None:
            headers["content-type"] = "application/json"
        times = httpx.Timeout(limit_s, connect=min(_HEAD_S, limit_s)).as_dict()
        try:
            # The transport alone: nothing is followed, no cookie kept, no proxy of the environment asked.
            async with (
                asyncio.timeout(limit_s),
                httpx.AsyncHTTPTransport(verify=tls(), trust_env=False) as transport,
            ):
                request = httpx.Request(method, url, headers=headers, content=body, extensions={"timeout": times})
                response = await transport.handle_async_request(request)
                try:
                    yield response
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Retryable("voice_unavailable", f"{host} can't be reached ({type(error).__name__}).") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Retryable("timeout", f"{host} took longer than {limit_s:g} s for a sentence.") from error
        except httpx.HTTPError as error:
            text = f"{host} broke off its answer ({type(error).__name__})."
            raise Retryable("voice_unavailable", text) from error


async def _beginning(response: httpx.Response) -> bytes:
    """The first bytes of an answer's body."""
    found = b""
    async for chunk in response.aiter_raw():
        found += chunk
        if len(found) >= _ERROR_BYTES:
            break
    return found[:_ERROR_BYTES]
