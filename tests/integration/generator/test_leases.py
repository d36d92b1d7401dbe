"""Leases and slots in the real bucket: what two generators may do at once, and what a dead one leaves."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from libs.bus.connection import Bus
from libs.bus.records import Outrun
from libs.contracts import subjects
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


async def test_who_slept_finds_its_slot_with_another_and_leaves_it_alone(bus: Bus) -> None:
    sleeper, other = Slots(bus), Slots(bus)
    assert await sleeper.take("http://a", "w1")
    assert await sleeper.keep("http://a", "w1")
    assert await other.take("http://a", "w1")
    assert await sleeper.lost("http://a", "w1")
    assert not await other.lost("http://a", "w1")
    assert not await sleeper.keep("http://a", "w1")
    await sleeper.free("http://a", "w1")
    assert await sleeper.taken("http://a") == ("w1",), "it is the other one's"
    await other.free("http://a", "w1")
    assert await sleeper.taken("http://a") == ()
    assert not await sleeper.lost("http://a", "w1")
    assert await sleeper.keep("http://a", "w1"), "what has run out, and nobody took, is taken again"


async def test_slots_that_vanished_are_taken_again_by_whoever_comes_first(bus: Bus) -> None:
    mine, theirs = Slots(bus), Slots(bus)
    for work in ("w1", "w2"):
        assert await mine.take("http://a", work)
    await bus.js.purge_stream(f"KV_{subjects.WORK_BUCKET}")
    assert await theirs.take("http://a", "w3")
    assert await mine.keep("http://a", "w1")
    assert not await mine.keep("http://a", "w2")
    assert set(await mine.taken("http://a")) == {"w1", "w3"}


async def test_many_generators_never_hold_more_than_there_are(bus: Bus) -> None:
    servers, chance = ("http://a", "http://b", "http://c"), random.Random(7)
    holding: Counter[str] = Counter()
    got: Counter[str] = Counter()

    async def generator(number: int, mine: Slots) -> None:
        for each in range(25):
            server, work = chance.choice(servers), f"g{number}/{each}"
            if await mine.take(server, work):
                holding[server] += 1
                got[server] += 1
                assert holding[server] <= slots.SLOTS
                await asyncio.sleep(chance.random() / 100)
                assert await mine.keep(server, work)
                holding[server] -= 1
                await mine.free(server, work)

    await asyncio.gather(*(generator(number, Slots(bus)) for number in range(6)))
    assert all(got[server] for server in servers)
    for server in servers:
        assert await Slots(bus).taken(server) == ()


async def test_a_dead_generators_slots_come_free(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "LIFETIME_S", 1.0)
    dead, living = Slots(bus), Slots(bus)
    await dead.take("http://a", "w1")
    await living.take("http://a", "w2")

    async def freed() -> bool:
        assert await living.take("http://a", "w2"), "renewed"
        return await living.taken("http://a") == ("w2",)

    await until(freed)
