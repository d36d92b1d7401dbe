"""Tries a server from end to end with a clip that needs no model: upload, prompt, history, download, events."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import av
import msgspec
from PIL import Image

from services.generator.comfyui.address import Address
from services.generator.comfyui.answers import HistoryEntry, OutputFile
from services.generator.comfyui.binding import Values, bind
from services.generator.comfyui.errors import ComfyError
from services.generator.comfyui.events import Event, Executing, Finished, Progress
from services.generator.comfyui.gateway import Gateway
from services.generator.comfyui.graph import document_of
from services.generator.comfyui.stream import EventStream
from services.generator.comfyui.truth import Done, Failed, Lost, Queued, Standing
from services.generator.comfyui.watch import Watch
from services.generator.comfyui.workflow import Workflow

LIMIT_S = 120.0
"""How long it may take with all that waits before it."""
LOOK_S = 0.1
SOCKET_S = 3.0
"""How long the websocket may take to stand."""
SIDE, FRAMES, FPS = 64, 8, 8
DARK = (30, 40, 50)


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """How a server did."""

    seconds: dict[str, float]
    """What each step took, in their order: upload, prompt, download."""
    events: bool
    """Whether its websocket told of the prompt. Without it there is no progress; work goes on."""
    error: str = ""
    """The step that failed, and why; empty: it works."""


class _Failed(Exception):
    """Its text is for people."""


async def selftest(address: Address, workflow: Workflow, *, limit_s: float = LIMIT_S) -> Trial:
    """Run the workflow, which takes a picture and makes a clip of it, on the server. Raises OSError: no space here.

    It leaves a small file among the server's outputs, which ComfyUI has no way to delete, and nothing else.
    """
    client_id, prompt_id = uuid4().hex, str(uuid4())
    heard: list[Event] = []
    clock = _Clock()
    connected = asyncio.Event()

    def hear(event: Event) -> None:
        heard.append(event)
        connected.set()

    error = ""
    with tempfile.TemporaryDirectory(prefix="beatloom-selftest-") as folder:
        async with Gateway(address, client_id) as gateway, EventStream(address, client_id, hear):
            trial = _Trying(gateway, workflow, prompt_id, limit_s)
            try:
                with clock.step("upload"):
                    name = await gateway.upload(_picture(), "beatloom-selftest.png")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SOCKET_S):
                        await connected.wait()
                with clock.step("prompt"):
                    entry = await trial.made(name)
                with clock.step("download"):
                    clip = Path(folder) / "clip"
                    await gateway.download(trial.file_of(entry), clip)
                    await asyncio.to_thread(_check, clip)
            except (ComfyError, _Failed) as reason:
                error = f"{clock.last}: {reason}"
            finally:
                with contextlib.suppress(ComfyError):
                    await trial.leave()
    events = any(isinstance(event, Executing | Progress | Finished) for event in heard)
    return Trial(seconds=clock.seconds, events=events, error=error)


class _Clock:
    """What each step takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = ""

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.last, began = name, time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 3)


class _Trying:
    """One prompt on one server."""

    def __init__(self, gateway: Gateway, workflow: Workflow, prompt_id: str, limit_s: float) -> None:
        self._gateway = gateway
        self._workflow = workflow
        self._watch = Watch(prompt_id, "", time.monotonic())
        self._limit_s = limit_s
        self._sent = False

    async def made(self, image: str) -> HistoryEntry:
        """Have the clip made. Raises ComfyError, _Failed."""
        watch = self._watch
        values: Values = {"image": image, "seed": 0, "width": SIDE, "height": SIDE, "frames": FRAMES, "fps": FPS}
        graph = bind(self._workflow, values, prefix=f"beatloom/selftest-{watch.prompt_id}")
        self._sent = True
        await self._gateway.submit(document_of(graph), watch.prompt_id)
        watch.accepted(time.monotonic())
        try:
            async with asyncio.timeout(self._limit_s):
                while not watch.over:
                    watch.saw(await self._gateway.sight(watch.prompt_id), "", time.monotonic())
                    await asyncio.sleep(0 if watch.over else LOOK_S)
        except TimeoutError:
            raise _Failed(f"not made within {self._limit_s:g} s: {_so_far(watch.standing)}") from None
        match watch.standing:
            case Done(entry):
                return entry
            case Failed(error) | Lost(error):
                raise error
        raise AssertionError(watch.standing)

    def file_of(self, entry: HistoryEntry) -> OutputFile:
        """The clip. Raises _Failed."""
        output = self._workflow.output
        files = entry.files(output.node, tuple(f".{ending}" for ending in output.types))
        if not files:
            raise _Failed("the history names no file of the clip")
        return files[0]

    async def leave(self) -> None:
        """Neither wait nor run there any more. Raises ComfyError."""
        if self._sent and not self._watch.over:
            await self._gateway.cancel(self._watch.prompt_id, wait_s=0.0)
        elif self._sent:
            await self._gateway.forget(self._watch.prompt_id)


def _so_far(standing: Standing) -> str:
    if isinstance(standing, Queued):
        return f"it waits behind {standing.ahead} others"
    return "it was not seen to end"


def _picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), DARK).save(out, "PNG")
    return out.getvalue()


def _check(path: Path) -> None:
    """Hold the clip to what was asked for. Raises _Failed."""
    try:
        with av.open(str(path)) as clip:
            sizes = [(frame.width, frame.height) for frame in clip.decode(video=0)]
    except (av.error.FFmpegError, IndexError) as error:
        raise _Failed(f"the clip can't be read: {error}") from error
    if sizes != [(SIDE, SIDE)] * FRAMES:
        raise _Failed(f"the clip has not {FRAMES} frames of {SIDE} x {SIDE}: {sizes}")
