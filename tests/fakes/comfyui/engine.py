"""The state of one double: its queue, its history, its memory, and the one worker that runs its prompts."""

from __future__ import annotations

import asyncio
import heapq
import random
import shutil
import string
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.fakes.comfyui import catalogue
from tests.fakes.comfyui.catalogue import NodeInfo
from tests.fakes.comfyui.run import Cached, Crash, Run, Verdict
from tests.fakes.comfyui.sockets import Sockets
from tests.fakes.comfyui.switches import Switches, changed


class Prompt(msgspec.Struct, kw_only=True):
    """One unit of work, as it was accepted."""

    number: float
    id: str
    graph: dict[str, Any]
    extra: dict[str, Any]
    outputs: list[str]
    changes: dict[str, Any]
    """Switches for this one alone."""

    @property
    def listed(self) -> list[Any]:
        """As queue and history list it."""
        return [self.number, self.id, self.graph, self.extra, self.outputs]

    @property
    def client_id(self) -> str | None:
        return self.extra.get("client_id")


class Counts(msgspec.Struct):
    """What happened, over all restarts: tests count effects with it."""

    accepted: Counter[str] = msgspec.field(default_factory=Counter)
    """Prompts accepted, by id."""
    started: Counter[str] = msgspec.field(default_factory=Counter)
    succeeded: Counter[str] = msgspec.field(default_factory=Counter)
    loads: Counter[str] = msgspec.field(default_factory=Counter)
    """Model files loaded, by name."""
    requests: Counter[str] = msgspec.field(default_factory=Counter)
    """By method and route."""
    runs: list[tuple[str, float, float, bool]] = msgspec.field(default_factory=list)
    """Id, start, end (seconds since the epoch), success: in the order in which they ended."""
    most: int = 0
    """Prompts running and pending at once, at most."""
    uploads: int = 0
    downloads: int = 0
    interrupts: int = 0
    freed: int = 0
    crashes: int = 0


class Server:
    """One ComfyUI server. All methods belong to its loop."""

    def __init__(
        self, folder: Path, switches: Switches, *, on_crash: Callable[[], None], on_socket: Callable[[], None]
    ) -> None:
        self.folder = folder
        self.switches = switches
        self.counts = Counts()
        self.next_changes: list[dict[str, Any]] = []
        """Each holds for the one prompt that is accepted next."""
        self.sockets = Sockets()
        self.epoch = 0
        self.on_socket = on_socket
        self._on_crash = on_crash
        self._worker: asyncio.Task[None] | None = None
        self._nodes: tuple[object, dict[str, NodeInfo]] = (None, {})
        self._reset()

    def _reset(self) -> None:
        self.epoch += 1
        self.pending: list[tuple[float, int, Prompt]] = []
        self.running: Prompt | None = None
        self.history: dict[str, dict[str, Any]] = {}
        self.cache: dict[int, Cached] = {}
        self.resident: dict[str, int] = {}
        self.interrupted_at: float | None = None
        self.last_node: str | None = None
        self._numbers = 0
        self._added = 0
        self._ready = asyncio.Event()
        self.temp_word = "".join(random.Random(self.epoch).choices(string.ascii_lowercase, k=5))
        shutil.rmtree(self.folder / "temp", ignore_errors=True)
        for name in ("input", "output", "temp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Begin to work."""
        self._worker = asyncio.get_running_loop().create_task(self._work())

    def stop(self) -> None:
        """Forget all but the files of input and output."""
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        self.sockets.drop()
        self.sockets = Sockets()
        self._reset()

    def crash(self) -> None:
        """Die now."""
        self.counts.crashes += 1
        self._on_crash()

    def changes(self, **switches: Any) -> None:
        """Set switches. Raises msgspec.ValidationError."""
        self.switches = changed(self.switches, switches)

    # what it has

    @property
    def models(self) -> Mapping[str, Sequence[str]]:
        """Model files by folder."""
        return catalogue.known_models() if self.switches.models is None else self.switches.models

    def uploads(self) -> list[str]:
        """Names of the files in the input folder."""
        inputs = self.folder / "input"
        return sorted(str(file.relative_to(inputs)) for file in inputs.rglob("*") if file.is_file())

    def nodes(self) -> dict[str, NodeInfo]:
        """Its object_info now."""
        models, uploads, without = self.models, self.uploads(), self.switches.without_nodes
        key = (models, uploads, without)
        if self._nodes[0] != key:
            self._nodes = (key, catalogue.object_info(models, uploads, without))
        return self._nodes[1]

    # queue

    @property
    def remaining(self) -> int:
        """Prompts pending and running."""
        return len(self.pending) + (self.running is not None)

    def next_number(self) -> int:
        """Each prompt that names none takes the next."""
        self._numbers += 1
        return self._numbers - 1

    def add(self, prompt: Prompt) -> None:
        """Queue it."""
        self._added += 1
        heapq.heappush(self.pending, (prompt.number, self._added, prompt))
        self.counts.accepted[prompt.id] += 1
        self.counts.most = max(self.counts.most, self.remaining)
        self.tell_status()
        self._ready.set()

    def delete(self, prompt_id: str) -> bool:
        """Take the first pending prompt of this id out."""
        for entry in self.pending:
            if entry[2].id == prompt_id:
                self.pending.remove(entry)
                heapq.heapify(self.pending)
                self.tell_status()
                return True
        return False

    def clear(self) -> None:
        """Take all pending ones out."""
        self.pending.clear()
        self.tell_status()

    def interrupt(self, prompt_id: str | None = None) -> bool:
        """Order the running prompt to stop, if it is the one."""
        self.counts.interrupts += 1
        if self.running is None or prompt_id not in (None, self.running.id):
            return False
        if self.interrupted_at is None:
            self.interrupted_at = time.monotonic()
        return True

    def free(self) -> None:
        """Forget cached values and loaded models."""
        self.counts.freed += 1
        self.cache.clear()
        self.resident.clear()

    def tell_status(self) -> None:
        """To all sockets."""
        self.sockets.tell("status", {"status": {"exec_info": {"queue_remaining": self.remaining}}})

    # the worker

    async def _work(self) -> None:
        while True:
            if not self.pending:
                self._ready.clear()
                await self._ready.wait()
            await asyncio.sleep(0)  # the answer to the POST goes out first
            if not self.pending:
                continue
            prompt = heapq.heappop(self.pending)[2]
            self.running = prompt
            self.interrupted_at = None
            self.tell_status()
            self.counts.started[prompt.id] += 1
            run = Run(self, prompt, changed(self.switches, prompt.changes))
            began = time.time()
            try:
                verdict = await run.execute()
            except Crash:
                self.counts.runs.append((prompt.id, began, time.time(), False))
                self.crash()
                return
            self.counts.runs.append((prompt.id, began, time.time(), verdict.success))
            await self._finish(prompt, run, verdict)

    async def _finish(self, prompt: Prompt, run: Run, verdict: Verdict) -> None:
        if run.how.history_delay_s:
            await asyncio.sleep(run.how.history_delay_s)
        entry = {
            "prompt": prompt.listed,
            "outputs": verdict.outputs,
            "status": {
                "status_str": "success" if verdict.success else "error",
                "completed": verdict.success,
                "messages": run.messages,
            },
            "meta": {
                node: {"node_id": node, "display_node": node, "parent_node": None, "real_node_id": node}
                for node in verdict.outputs
            },
        }
        self.counts.succeeded[prompt.id] += verdict.success
        self.running = None
        self.last_node = None
        if run.how.history_gap_s:
            await asyncio.sleep(run.how.history_gap_s)
        self.history.pop(prompt.id, None)
        if not run.how.forgets:
            self.history[prompt.id] = entry
        self.tell_status()
        if prompt.client_id is not None:
            self.sockets.tell("executing", {"node": None, "prompt_id": prompt.id}, prompt.client_id)
