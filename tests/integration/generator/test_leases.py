"""Leases and slots in the real bucket: what two generators may do at once, and what a dead one leaves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from libs.bus.connection import Bus
from libs.bus.records import Outrun
from services.generator.comfyui import slots
from services.generator.comfyui.lease import EndedAttempt, Lease, Leases, closed, opened, prompt_id_of
from services.generator.comfyui.slots import Slots
from tests.waiting import until

NOW = datetime(2026, 1, 2, tzinfo=UTC)
END = EndedAttempt(
    server="http://a", workflow="w", profile="full", vram=0, code="gpu_out_of_memory", message="m", at=NOW
)


def first(server: str = "http://a") -> Lease:
    return opened(
        None, work="j/1/animate.s001/1", workflow="w", profile="full", seed=7, server=server, epoch="e", at=NOW
    )


def test_the_prompt_counts_ended_attempts_and_its_id_follows() -> None:
    lease = first()
    assert (lease.attempt, lease.prompt_id) == (1, prompt_id_of(lease.work, 1))
    assert lease.prompt_id == prompt_id_of("j/1/animate.s001/1", 1) == str(lease.prompt_id).lower()
    with pytest.raises(ValueError, match="still stands"):
        opened(lease, work=lease.work, workflow="w", profile="full", seed=7, server="b", epoch="e", at=NOW)
    ended = closed(lease, END)
    assert (ended.attempt, ended.open, ended.ended[0].server) == (1, False, "http://a")
    again = opened(ended, work=lease.work, workflow="w", profile="small", seed=8, server="b", epoch="e", at=NOW)
    assert (again.attempt, again.prompt_id != lease.prompt_id) == (2, True)
    assert again.ended == ended.ended


async def test_of_two_that_open_an_attempt_one_is_outrun_and_follows_the_other(bus: Bus) -> None:
    mine, theirs = Leases(bus), Leases(bus)
    ends = await asyncio.gather(
        mine.put(first("http://a"), None), theirs.put(first("http://b"), None), return_exceptions=True
    )
    won = [end for end in ends if not isinstance(end, BaseException)]
    assert len(won) == 1
    assert [type(end) for end in ends if isinstance(end, BaseException)] == [Outrun]
    assert await mine.read(first().work) == won[0]


async def test_a_server_has_two_slots_over_all_generators(bus: Bus) -> None:
    mine, theirs = Slots(bus), Slots(bus)
    assert await mine.take("http://a", "w1")
    assert await theirs.take("http://a", "w2")
    assert not await mine.take("http://a", "w3")
    assert await theirs.take("http://a", "w1"), "who goes on with the work has its slot"
    assert await mine.take("http://b", "w3")
    assert set(await mine.taken("http://a")) == {"w1", "w2"}
    await theirs.free("http://a", "w1")
    await theirs.free("http://a", "w9")
    assert await theirs.taken("http://a") == ("w2",)
    assert await mine.take("http://a", "w3")


async def test_a_race_for_the_last_slot_has_one_winner(bus: Bus) -> None:
    slots = Slots(bus)
    assert await slots.take("http://a", "w0")
    taken = await asyncio.gather(*(Slots(bus).take("http://a", f"w{number}") for number in range(1, 6)))
    assert sum(taken) == 1
    assert len(await slots.taken("http://a")) == 2


async def test_a_dead_generators_slots_come_free(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "LIFETIME_S", 1.0)
    dead, living = Slots(bus), Slots(bus)
    await dead.take("http://a", "w1")
    await living.take("http://a", "w2")

    async def freed() -> bool:
        assert await living.take("http://a", "w2"), "renewed"
        return await living.taken("http://a") == ("w2",)

    await until(freed)
