"""Facts that come twice, late and in another order change nothing."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import nats
from nats.aio.msg import Msg

from libs.contracts import subjects
from tests.faults.fleet import OPTIONS, Fleet
from tests.receiver import Receiver
from tests.servers.nats import NatsServer
from tests.songs import make_song
from tests.waiting import wait_until

AGAIN = "Again"
"""Header of a copy, so that it isn't copied again."""


async def stutter(server: NatsServer, until: asyncio.Event, rng: random.Random) -> int:
    """Publish each fact twice more, a little later and shuffled, until told to stop; how many copies."""
    client = await nats.connect(server.url, token=server.token)
    heard: list[Msg] = []

    async def listen(message: Msg) -> None:
        if AGAIN not in (message.headers or {}):
            heard.append(message)

    await client.subscribe(subjects.FACT_SUBJECTS, cb=listen)
    copies = 0
    last_round = False
    while not last_round:
        last_round = until.is_set()
        batch, heard = 2 * heard, []
        rng.shuffle(batch)
        for message in batch:
            await client.publish(message.subject, message.data, headers={AGAIN: "1"})
        copies += len(batch)
        await asyncio.sleep(0.3)
    await client.close()
    return copies


async def test_duplicated_and_shuffled_facts_change_nothing(
    fleet: Fleet, nats: NatsServer, hooks: Receiver, tmp_path: Path
) -> None:
    done = asyncio.Event()
    stuttering = asyncio.create_task(stutter(nats, done, random.Random(1)))
    song = make_song(tmp_path, seconds=6, seed=500)
    job_id = await asyncio.to_thread(fleet.client.submit, song.path, options={**OPTIONS, "callback_url": hooks.url})
    job = await asyncio.to_thread(fleet.client.wait_for_end, job_id)
    done.set()
    copies = await stuttering

    assert copies >= 2 * (3 + job["scenes_total"])
    assert job["status"] == "completed", job
    fleet.effects(job_id).assert_once(scenes=job["scenes_total"])
    hook = f"msg_{job_id}_1"
    await asyncio.to_thread(wait_until, lambda: hook in hooks.times, seconds=30, what="webhook")
    assert hooks.times[hook] == 1
