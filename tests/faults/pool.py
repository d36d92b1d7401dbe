"""Generators as processes over one bus, one store and doubles of ComfyUI servers, and what they tell."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import get_args

import av
import msgspec

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.bus.facts import FactConsumer
from libs.contracts import subjects
from libs.contracts.artifacts import Blob
from libs.contracts.facts import Fact, StillRendered, TakeRendered
from libs.contracts.storyboard import Still
from libs.contracts.tasks import Animate, Imagine, Priority, Task, TaskKind
from tests.servers.comfyui import ComfyDouble
from tests.servers.nats import NatsServer
from tests.service_process import ServiceProcess
from tests.unit.generator.scenes import shot, song
from tests.waiting import until

WORKFLOW = "wan22-5b"
FRAMES = 16


@dataclass
class Rig:
    """What it is made of; facts are collected as the ledger would hear them."""

    root: Path
    nats: NatsServer
    bus: Bus
    doubles: Sequence[ComfyDouble]
    generators: list[ServiceProcess] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def start(self, replica: str = "") -> ServiceProcess:
        """One more generator."""
        urls = ",".join(double.url for double in self.doubles)
        made = ServiceProcess(
            "generator", self.nats, self.root, replica=replica, comfyui_urls=urls, animate=WORKFLOW
        )
        made.start()
        self.generators.append(made)
        return made

    async def order(self, number: int, image: Blob | None = None) -> Task:
        """A scene's task, on its way."""
        analysis = await open_store(f"file://{self.root}/artifacts").put_bytes(
            msgspec.json.encode(song()), "application/json"
        )
        what = shot(frames=FRAMES, seed=number)
        scene = msgspec.structs.replace(what.scene, id=f"s{number:03}")
        body = Animate(
            shot=msgspec.structs.replace(what, scene=scene),
            analysis=analysis,
            fps="30",
            width=320,
            height=180,
            image=image,
        )
        task = Task(job_id="job1", run=1, task=f"animate.{scene.id}", attempt=1, owner="ann", body=body)
        await self.bus.publish_task(task)
        return task

    async def order_still(self, number: int, image: Blob | None = None) -> Task:
        """The task of a reference still, on its way."""
        still = Still(id=f"p{number}", prompt="a street", negative_prompt="", seed=number, width=640, height=352)
        body = Imagine(still=still, image=image)
        task = Task(job_id="job1", run=1, task=f"imagine.{still.id}", attempt=1, owner="ann", body=body)
        await self.bus.publish_task(task)
        return task

    async def picture(self) -> Blob:
        """A theme picture in the store."""
        path = self.root / "picture.png"
        with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
            stream = container.add_stream("png", rate=1)
            stream.width, stream.height, stream.pix_fmt = 320, 180, "rgb24"
            frame = av.VideoFrame(320, 180, "rgb24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return await open_store(f"file://{self.root}/artifacts").put_file(path, "image/png")

    async def leases(self) -> int:
        """How many stand in the bucket."""
        bucket = subjects.WORK_BUCKET
        info = await self.bus.js.stream_info(f"KV_{bucket}", subjects_filter=f"$KV.{bucket}.lease.>")
        return len(info.state.subjects or {})

    def records(self) -> int:
        """Results in the store."""
        return sum(path.is_file() for path in (self.root / "artifacts" / "result").rglob("*"))

    def files(self, pattern: str) -> list[Path]:
        """What lies in the generators' scratch folders."""
        return list((self.root / "scratch").rglob(pattern))

    def count(self, what: str) -> int:
        """Prompts `accepted`, `started`, `succeeded` on all servers."""
        return sum(sum(double.counts[what].values()) for double in self.doubles)

    async def settled(self) -> bool:
        """Nothing waits, and nothing is in work."""
        left = 0
        kinds: tuple[TaskKind, ...] = ("animate", "imagine")
        for kind, priority in product(kinds, get_args(Priority)):
            consumer = subjects.task_consumer(kind, priority)
            info = await self.bus.js.consumer_info(subjects.TASKS, consumer)
            left += (info.num_pending or 0) + (info.num_ack_pending or 0)
        return not left

    async def told(self, *tasks: Task, seconds: float = 60.0) -> None:
        """Wait until nothing is left to do: each task has one fact, a take or a still by the pool."""
        wanted = {task.task for task in tasks}
        await until(lambda: wanted <= {fact.task for fact in self.facts}, seconds=seconds)
        await until(self.settled, seconds=20)
        found = [fact for fact in self.facts if fact.task in wanted]
        assert Counter(fact.task for fact in found) == Counter(wanted)
        for fact in found:
            assert isinstance(fact.body, TakeRendered | StillRendered), fact
            assert (fact.body.backend, fact.body.fallback) == ("comfyui", False)
            clip = isinstance(fact.body, TakeRendered)
            blob = fact.body.clip.blob if isinstance(fact.body, TakeRendered) else fact.body.blob
            assert not clip or fact.body.workflow == WORKFLOW
            async with open_store(f"file://{self.root}/artifacts").local(blob) as path:
                with av.open(str(path)) as container:
                    assert sum(1 for _ in container.decode(video=0)) == (FRAMES if clip else 1)


@contextlib.asynccontextmanager
async def running_rig(root: Path, nats: NatsServer, doubles: Sequence[ComfyDouble]) -> AsyncIterator[Rig]:
    """Without generators, which are killed at the end."""
    bus = await Bus.connect(nats.url, nats.token, name="test")
    await bus.ensure_topology()
    rig = Rig(root, nats, bus, doubles)

    async def hear(fact: Fact) -> None:
        if fact not in rig.facts:  # the same one comes again when our ack was lost
            rig.facts.append(fact)

    ear = FactConsumer(bus, hear)
    await ear.start()
    try:
        yield rig
    finally:
        for generator in rig.generators:
            generator.kill()
        await ear.stop()
        await bus.close()
