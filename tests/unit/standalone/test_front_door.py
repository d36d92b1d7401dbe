"""Six applications behind one door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from litestar import Litestar, get
from litestar.types import ASGIApp
from prometheus_client import CollectorRegistry

from libs.contracts.errors import Retryable
from libs.runtime.app import service_app
from services.standalone.front_door import FrontDoor


def app(name: str, well: dict[str, bool]) -> Litestar:
    @get("/api/v1/name")
    async def told() -> str:
        return name

    async def check() -> None:
        if not well[name]:
            raise Retryable("bus_unavailable")

    return service_app(name, route_handlers=[told], checks={"bus": check}, registry=CollectorRegistry())


class Door:
    """An open door, and how its parts are."""

    def __init__(self) -> None:
        self.well = {"ingest": True, "analyzer": True, "nats-server": True}

        @asynccontextmanager
        async def life() -> AsyncIterator[Mapping[str, ASGIApp]]:
            yield {name: app(name, self.well) for name in ("ingest", "analyzer")}

        async def nats() -> None:
            if not self.well["nats-server"]:
                raise Retryable("bus_unavailable", "away")

        self.door = FrontDoor(life, {"nats-server": nats})

    async def open(self) -> None:
        """As a server would."""
        self.door._apps = await self.door._life().__aenter__()

    async def get(self, path: str) -> httpx.Response:
        transport: Any = self.door
        async with httpx.AsyncClient(transport=httpx.ASGITransport(transport), base_url="http://door") as client:
            return await client.get(path)


@pytest.fixture
async def door() -> Door:
    made = Door()
    await made.open()
    return made


async def test_each_request_goes_where_it_belongs(door: Door) -> None:
    assert (await door.get("/api/v1/name")).text == "ingest"
    assert (await door.get("/services/ingest/api/v1/name")).text == "ingest"
    assert (await door.get("/services/analyzer/api/v1/name")).text == "analyzer"
    assert (await door.get("/services/analyzer/healthz/live")).json()["service"] == "analyzer"
    assert (await door.get("/services/analyzer/metrics")).status_code == 200
    assert (await door.get("/services/nobody/healthz/live")).status_code == 404
    assert (await door.get("/services/analyzer")).status_code == 404


async def test_ready_when_all_are(door: Door) -> None:
    answer = await door.get("/healthz/ready")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"ingest": "ready", "analyzer": "ready", "nats-server": "ready"}


@pytest.mark.parametrize("sick", ["ingest", "analyzer", "nats-server"])
async def test_not_ready_when_one_is_not_and_it_is_named(door: Door, sick: str) -> None:
    door.well[sick] = False
    answer = await door.get("/healthz/ready")
    assert answer.status_code == 503
    told = answer.json()["checks"]
    assert [name for name, state in told.items() if state != "ready"] == [sick]
    assert "bus_unavailable" in str(told[sick])


async def test_what_keeps_it_from_opening_is_kept() -> None:
    @asynccontextmanager
    async def life() -> AsyncIterator[Mapping[str, ASGIApp]]:
        for _ in range(1):
            raise Retryable("bus_unavailable", "no server")
        yield {}

    door = FrontDoor(life, {})
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope: Any = {"type": "lifespan"}
    await door(scope, receive, send)
    assert sent == ["lifespan.startup.failed"]
    assert isinstance(door.failure, Retryable)
