"""A generator over real parts and doubles of ComfyUI servers: what it needs, and what it may be killed for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from libs.artifacts import ArtifactStore, open_store
from libs.bus.connection import Bus
from libs.bus.drains import Drains
from libs.bus.handler import TaskContext
from libs.cache import Cache
from libs.contracts.artifacts import Blob
from libs.contracts.facts import StillRendered, TakeRendered
from libs.contracts.storyboard import Shot, Still
from libs.contracts.tasks import Animate, Imagine, Task
from libs.media.encoding import Quality
from libs.money.prices import prices_of
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.builtin.backend import BuiltinBackend
from services.generator.comfyui.backend import ComfyBackend
from services.generator.comfyui.direction import chain_of, stills_of, with_continuations
from services.generator.comfyui.lease import Leases
from services.generator.comfyui.library import CANARY, load_library
from services.generator.comfyui.members import Members
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.prompter import Prompter
from services.generator.comfyui.slots import Slots
from services.generator.costs import Costs
from services.generator.handlers import Fitting, make_handlers
from tests.unit.generator.scenes import song

WIDTH, HEIGHT = 320, 180
FAST = Quality("ultrafast", 28)


class Generator:
    """One generator's process, as far as it matters: the backend with its pool, and the handler."""

    def __init__(
        self, backend: ComfyBackend, pool: Pool, store: ArtifactStore, scratch: Scratch, workers: WorkerPool
    ) -> None:
        self.backend = backend
        self.pool = pool
        self.store = store
        self._handlers = make_handlers(store, backend, scratch, Fitting(workers, FAST, 60.0))

    async def take(self, task: Task, context: TaskContext | None = None) -> TakeRendered:
        """The fact of the task."""
        (fact,) = await self._handlers["animate"](task, context or TaskContext(task))
        assert isinstance(fact, TakeRendered)
        return fact

    async def picture(self, task: Task, context: TaskContext | None = None) -> StillRendered:
        """The fact of a task for a still."""
        (fact,) = await self._handlers["imagine"](task, context or TaskContext(task))
        assert isinstance(fact, StillRendered)
        return fact

    def still(self, still: Still, *, job: str = "j1", attempt: int = 1, image: Blob | None = None) -> Task:
        """A task for a still."""
        body = Imagine(still=still, image=image)
        return Task(job_id=job, run=1, task=f"imagine.{still.id}", attempt=attempt, owner="ann", body=body)

    async def order(
        self,
        shot: Shot,
        *,
        job: str = "j1",
        owner: str = "ann",
        attempt: int = 1,
        image: Blob | None = None,
        still: Blob | None = None,
        sound: Blob | None = None,
        fill: bool = True,
        ceiling: float | None = None,
    ) -> Task:
        """A task for a shot."""
        analysis = await self.store.put_bytes(msgspec.json.encode(song()), "application/json")
        body = Animate(
            shot=shot,
            analysis=analysis,
            fps="30",
            width=WIDTH,
            height=HEIGHT,
            image=image,
            still=still,
            song=sound,
            fill=fill,
            ceiling=ceiling,
        )
        key = f"animate.{shot.scene.id}"
        return Task(job_id=job, run=1, task=key, attempt=attempt, owner=owner, body=body)


@asynccontextmanager
async def generator(
    bus: Bus,
    root: Path,
    urls: Sequence[str],
    *,
    chain: Sequence[str] = ("wan22-5b",),
    stills: Sequence[str] = ("z-image-turbo",),
    process: str = "one",
    workers: WorkerPool | None = None,
    patience_s: float = 20.0,
    cache: Cache | None = None,
    price: float = 0.0,
    budget: float = 0.0,
    drains: Drains | None = None,
) -> AsyncIterator[Generator]:
    """A generator over the bus and the store below `root`, with these servers."""
    async with AsyncExitStack() as stack:
        own: WorkerPool = workers if workers is not None else await stack.enter_async_context(WorkerPool(1))
        library = load_library()
        wanted = chain_of(library, chain)
        pictures = stills_of(library, stills)
        workflows = with_continuations(library, (*wanted, *pictures))
        store = open_store(f"file://{root}/artifacts")
        scratch = await stack.enter_async_context(Scratch(root / f"scratch-{process}"))
        pool = await stack.enter_async_context(
            Pool(
                Members(urls),
                workflows,
                Slots(bus),
                process=process,
                canary=library.get(CANARY),
                patience_s=patience_s,
                cache=cache,
                drains=drains,
            )
        )
        backend = ComfyBackend(
            pictures,
            wanted,
            workflows,
            pool=pool,
            prompter=Prompter(pool, Leases(bus), own, Costs(prices_of(f"*={price}"), budget)),
            builtin=BuiltinBackend(own, timeout_s=60.0, quality=FAST),
            store=store,
            workers=own,
            scratch=scratch,
            quality=FAST,
        )
        yield Generator(backend, pool, store, scratch, own)
