"""The websocket of a server, against a double: it comes back, and says so."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from services.generator.comfyui.address import Address
from services.generator.comfyui.events import Connected, Disconnected, Event, Finished, PreviewImage, Progress
from services.generator.comfyui.gateway import Gateway
from services.generator.comfyui.stream import EventStream
from tests.integration.generator.test_gateway import graph, until_ended
from tests.servers.comfyui import ComfyDouble
from tests.waiting import until

CLIENT = "a client of these tests"


class Watch:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        """Those of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def connects(self) -> int:
        """How often it has connected."""
        return len(self.of(Connected))


@pytest.fixture
async def gateway(comfyui: ComfyDouble) -> AsyncIterator[Gateway]:
    """Submits under the id of the stream."""
    async with Gateway(Address(comfyui.url), CLIENT) as gateway:
        yield gateway


async def test_a_prompt_is_followed_to_its_end(gateway: Gateway, comfyui: ComfyDouble) -> None:
    watch, prompt_id = Watch(), str(uuid4())
    async with EventStream(gateway.address, CLIENT, watch) as stream:
        await until(lambda: watch.connects() == 1)
        assert stream.connected
        await gateway.submit(graph(steps=4), prompt_id)
        await until(lambda: Finished(prompt_id, "over") in watch.events)
    assert [event.value for event in watch.of(Progress)] == [1, 2, 3, 4]
    assert Finished(prompt_id, "success") in watch.events
    assert {event.prompt_id for event in watch.of(PreviewImage)} == {prompt_id}
    assert len(watch.of(Connected)) == 1


async def test_a_dropped_socket_comes_back_and_goes_on(gateway: Gateway, comfyui: ComfyDouble) -> None:
    comfyui.set(steps_at_most=0, step_s=0.05)
    watch, prompt_id = Watch(), str(uuid4())
    async with EventStream(gateway.address, CLIENT, watch):
        await until(lambda: watch.connects() == 1)
        await gateway.submit(graph(steps=30, step_ms=50), prompt_id)
        await until(lambda: len(watch.of(Progress)) > 2)
        comfyui.drop_sockets()
        await until(lambda: watch.connects() == 2)
        before = len(watch.of(Progress))
        await until(lambda: len(watch.of(Progress)) > before)
    kinds = [type(event) for event in watch.events if isinstance(event, (Connected, Disconnected))]
    assert kinds == [Connected, Disconnected, Connected]


async def test_a_server_that_is_away_for_a_while(gateway: Gateway, comfyui: ComfyDouble) -> None:
    comfyui.stop()
    watch = Watch()
    async with EventStream(gateway.address, CLIENT, watch) as stream:
        await asyncio.sleep(0.3)
        assert not stream.connected
        assert not watch.events
        comfyui.start()
        await until(lambda: watch.connects() == 1)
        comfyui.restart(0.1)
        await until(lambda: watch.connects() == 2)


async def test_a_zombie_is_renewed_at_once(gateway: Gateway, comfyui: ComfyDouble) -> None:
    comfyui.set(socket="silent")
    watch, prompt_id = Watch(), str(uuid4())
    async with EventStream(gateway.address, CLIENT, watch) as stream:
        await until(lambda: watch.connects() == 1)
        await gateway.submit(graph(), prompt_id)
        await until_ended(gateway, prompt_id)
        assert not watch.of(Progress)
        assert stream.quiet_s > 0.0
        comfyui.set(socket="open")
        stream.renew()
        await until(lambda: watch.connects() == 2, seconds=2.0)


async def test_a_connection_that_died_without_a_word_is_found(gateway: Gateway, comfyui: ComfyDouble) -> None:
    watch = Watch()
    async with EventStream(gateway.address, CLIENT, watch, ping_s=0.1, pong_s=0.2):
        await until(lambda: watch.connects() == 1)
        comfyui.set(socket="deaf")
        await until(lambda: bool(watch.of(Disconnected)))
        comfyui.set(socket="open")
        await until(lambda: watch.connects() > 1)


async def test_pings_are_answered_while_nothing_happens(gateway: Gateway) -> None:
    watch = Watch()
    async with EventStream(gateway.address, CLIENT, watch, ping_s=0.05, pong_s=0.5):
        await asyncio.sleep(0.5)
    assert not watch.of(Disconnected)


async def test_a_listener_that_fails_ends_nothing(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()

    def listener(event: Event) -> None:
        watch(event)
        raise RuntimeError("on purpose")

    async with EventStream(gateway.address, CLIENT, listener):
        await until(lambda: watch.connects() == 1)
        await gateway.submit(graph(), str(uuid4()))
        await until(lambda: bool(watch.of(Finished)))
    assert "on purpose" in caplog.text


async def test_it_ends_at_once_whatever_the_server_does() -> None:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        watch = Watch()
        async with EventStream(Address(f"http://127.0.0.1:{mute.getsockname()[1]}"), CLIENT, watch):
            await asyncio.sleep(0.1)
            began = time.monotonic()
        assert time.monotonic() - began < 2.0
        assert not watch.events
