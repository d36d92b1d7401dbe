"""A server that lies, beside an honest one: each scene ends, and the honest one makes it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from libs.bus.connection import Bus
from libs.runtime.workers import WorkerPool
from services.generator.comfyui import following, watch
from tests.fakes.comfyui.catalogue import known_models, object_info
from tests.integration.generator.liar import lying, reply
from tests.integration.generator.rig import generator
from tests.servers.comfyui import MakeDouble, accepted
from tests.unit.generator.scenes import shot
from tests.waiting import until

EPOCH = "0" * 32
STATS = {
    "system": {"comfyui_version": "0.33.0", "ram_total": 10**11, "ram_free": 10**11},
    "devices": [{"name": "cuda:0 Liar", "type": "cuda", "vram_total": 10**11, "vram_free": 10**11}],
}
INFO = json.dumps(object_info(known_models(), [], [])).encode()
Say = Callable[[str], bytes]


def said(body: Any) -> bytes:
    """An answer in JSON."""
    return reply(json.dumps(body).encode())


HONEST = {
    "queue": said({"queue_running": [], "queue_pending": []}),
    "system_stats": said(STATS),
    "object_info": reply(INFO),
    "view": reply(EPOCH.encode()),
    "upload": said({"name": "a.png"}),
    "history": said({}),
}


class Liar:
    """Answers as a server does that has whatever is wanted, but for some routes. It is given prompts."""

    def __init__(self, **lies: Say) -> None:
        self.lies = lies
        self.prompts: list[str] = []

    def __call__(self, request: bytes) -> Iterable[bytes]:
        path = request.split(b" ")[1].decode().partition("?")[0]
        route = path.split("/")[1] or "root"
        if route == "prompt":
            self.prompts += re.findall(r'"prompt_id":"([0-9a-f-]{36})"', request.decode("latin-1"))
        if route in self.lies:
            return [self.lies[route](self.prompts[-1] if self.prompts else "")]
        if route == "prompt":
            return [said({"prompt_id": self.prompts[-1], "number": 1})]
        return [HONEST.get(route, reply(b"no", status="404 None"))]


def done(prompt_id: str, file: dict[str, Any]) -> bytes:
    """A history in which every node saved this."""
    status = {"status_str": "success", "completed": True, "messages": []}
    outputs = {str(node): {"images": [file]} for node in range(200)}
    return said({prompt_id: {"outputs": outputs, "status": status}})


def view(prompt_id: str) -> bytes:
    """The epoch, until there is a prompt; then what is no video."""
    return reply(b"<html>" * 1000 if prompt_id else EPOCH.encode())


LIES: dict[str, dict[str, Say]] = {
    "a page for a prompt": {"prompt": lambda _: reply(b"<html>welcome</html>")},
    "a file elsewhere": {
        "history": lambda prompt_id: done(prompt_id, {"filename": "passwd.mp4", "subfolder": "../../etc"}),
        "view": view,
    },
    "another epoch each time": {"view": lambda _: reply(uuid4().hex.encode())},
}
SLOW_LIES: dict[str, dict[str, Say]] = {
    "another prompt's id": {
        "prompt": lambda _: reply(json.dumps({"prompt_id": str(uuid4()), "number": 1}).encode())
    },
    "a history that can't be read": {"history": lambda prompt_id: reply(b'{"%s": [NaN]}' % prompt_id.encode())},
    "nothing of it": {},
    "files of no names": {"history": lambda prompt_id: done(prompt_id, {"filename": {"a": 1}})},
    "endless stats": {"system_stats": lambda _: reply(b" " * 40_000_000)},
    "classes without end": {
        "object_info": lambda _: reply(b'{"SaveVideo":' + b'{"input":' * 600 + b"1" + b"}" * 600 + b"}")
    },
}


async def test_what_one_server_lacks_another_may_have_that_was_not_heard_yet(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    poor, slow = comfyui_servers(models={}), comfyui_servers(answer_s=0.7)
    async with generator(bus, tmp_path, [poor.url, slow.url], workers=workers) as made:
        take = asyncio.create_task(made.take(await made.order(shot(frames=20), fill=False)))
        await until(lambda: made.pool.roster.seen)
        assert not made.pool.roster.able_servers("wan22-5b")
        slow.set(answer_s=0.0)
        assert (await take).workflow == "wan22-5b"
    assert not accepted(poor)


@pytest.mark.parametrize("lie", [*LIES, *(pytest.param(name, marks=pytest.mark.matrix) for name in SLOW_LIES)])
async def test_a_liar_costs_time_alone(
    bus: Bus,
    comfyui_servers: MakeDouble,
    tmp_path: Path,
    workers: WorkerPool,
    monkeypatch: pytest.MonkeyPatch,
    lie: str,
) -> None:
    monkeypatch.setattr(following, "AWAY_S", 2.0)
    monkeypatch.setattr(watch, "GRACE_S", 1.0)
    liar, honest = Liar(**(LIES | SLOW_LIES)[lie]), comfyui_servers(step_s=0.001)
    async with lying(liar) as url, generator(bus, tmp_path, [url, honest.url], workers=workers) as made:
        await until(lambda: honest.url.partition("//")[2] in made.pool.roster.able_servers("wan22-5b"))
        orders = [await made.order(shot(frames=20, seed=seed), job=f"j{seed}", fill=False) for seed in range(3)]
        takes = await asyncio.gather(*(made.take(order) for order in orders))
        assert {take.workflow for take in takes} == {"wan22-5b"}
    assert accepted(honest) >= 3
