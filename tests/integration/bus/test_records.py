"""Workers' durable records: written only over what was read, gone when nobody keeps them."""

from __future__ import annotations

import msgspec
import pytest

from libs.bus.connection import Bus
from libs.bus.records import Outrun, Records
from libs.contracts import subjects
from libs.contracts.errors import Retryable
from tests.integration.bus.conftest import Connect
from tests.servers.nats import NatsServer
from tests.waiting import until


class Note(msgspec.Struct, frozen=True):
    text: str


def notes(bus: Bus, lifetime_s: float = 60.0) -> Records[Note]:
    return Records(bus, "note", Note, lifetime_s=lifetime_s)


async def test_a_record_is_written_over_what_was_read_and_over_nothing_else(bus: Bus, connect: Connect) -> None:
    mine, theirs = notes(bus), notes(await connect())
    assert await mine.read("a/1 with spaces") is None
    first = await mine.write("a/1 with spaces", Note("mine"), None)
    with pytest.raises(Outrun):
        await theirs.write("a/1 with spaces", Note("theirs"), None)
    seen = await theirs.read("a/1 with spaces")
    assert seen == first
    second = await theirs.write("a/1 with spaces", Note("theirs"), seen)
    with pytest.raises(Outrun):
        await mine.write("a/1 with spaces", Note("late"), first)
    with pytest.raises(Outrun):
        await mine.remove("a/1 with spaces", first)
    assert await mine.read("a/1 with spaces") == second
    assert await mine.read("a/2") is None


async def test_a_removed_record_can_be_made_again(bus: Bus) -> None:
    records = notes(bus)
    held = await records.write("a", Note("1"), None)
    await records.remove("a", held)
    assert await records.read("a") is None
    with pytest.raises(Outrun):
        await records.remove("a", held)
    again = await records.write("a", Note("2"), None)
    assert await records.read("a") == again


async def test_what_nobody_keeps_goes_by_itself(bus: Bus) -> None:
    records = notes(bus, lifetime_s=1.0)
    held = await records.write("kept", Note("1"), None)
    await records.write("left", Note("1"), None)

    async def left_is_gone() -> bool:
        nonlocal held
        held = await records.write("kept", Note("1"), held)
        return await records.read("left") is None

    await until(left_is_gone)
    assert await records.read("kept") == held


async def test_what_can_not_be_read_is_nothing_and_may_be_replaced(bus: Bus) -> None:
    records = notes(bus)
    await records.write("a", Note("1"), None)
    (subject,) = (await bus.js.stream_info(f"KV_{subjects.WORK_BUCKET}", subjects_filter=">")).state.subjects or {}
    await bus.js.publish(subject, b'{"other": 1}')
    assert await records.read("a") is None
    held = await records.write("a", Note("2"), None)
    assert await records.read("a") == held


async def test_a_server_that_is_away_is_told(bus: Bus, server: NatsServer) -> None:
    records = notes(bus)
    server.kill()
    await until(lambda: not bus.connected)
    with pytest.raises(Retryable) as read:
        await records.read("a")
    with pytest.raises(Retryable) as written:
        await records.write("a", Note("1"), None)
    assert {read.value.code, written.value.code} == {"bus_unavailable"}
