"""One ComfyUI server over HTTP: the only place that knows its routes.

`comfy-api-client` does what it does well (deleting a prompt's history, freeing memory); the rest is ours: see
docs/adr/0014. Every call has a time limit and raises errors of `errors.py`, never those of httpx. Nothing is tried
again here but the pieces of a download: a POST that broke off may have been done, and only the caller can find out.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx
import msgspec

from services.generator.comfyui import answers
from services.generator.comfyui.address import Address
from services.generator.comfyui.answers import Graph, HistoryEntry, Job, OutputFile, Queue, SystemStats
from services.generator.comfyui.download import Downloaded, fetch
from services.generator.comfyui.errors import ComfyError, InvalidGraph, Refused, brief
from services.generator.comfyui.transport import Bounded, answered, tls, translated
from services.generator.comfyui.truth import Sighting

QUICK_S = 10.0
"""Limit of a call that only looks something up. A server that loads a model can be slow to answer."""
HEAVY_S = 60.0
"""Limit of a call that the server has to work for: the list of all nodes, the check of a graph."""
TRANSFER_S = 900.0
"""Limit of an upload or a download as a whole; a transfer that stands still ends much earlier."""
CANCEL_S = 10.0
LARGEST_OUTPUT = 2_000_000_000
LARGEST_INFO = 128_000_000
"""Bytes of the list of all nodes: every choice of every input stands in it."""

EPOCH_FILE = "beatloom-epoch.txt"

_JSON = {"Content-Type": "application/json"}
_EPOCH = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_PROMPT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

log = logging.getLogger(__name__)


class Gateway:
    """Talks to the server at `address`. An async context manager; made and used in one loop.

    client_id: see `address.client_id`; the events of prompts submitted here go to the socket that has it.
    """

    def __init__(self, address: Address, client_id: str, *, quick_s: float = QUICK_S) -> None:
        from comfy_api_client import ComfyAPIClient  # noqa: PLC0415 (slow to import, and not for builtin)

        self.address = address
        self.client_id = client_id
        self._quick_s = quick_s
        limits = httpx.Limits(max_connections=8, max_keepalive_connections=4)
        self._http = httpx.AsyncClient(
            base_url=address.base,
            headers=address.headers,
            timeout=httpx.Timeout(30.0, connect=5.0),
            transport=Bounded(httpx.AsyncHTTPTransport(verify=tls(), limits=limits, trust_env=False)),
            trust_env=False,  # the servers are our own: no proxy stands between
        )
        self._base = ComfyAPIClient(address.base, self._http)
        self._has_jobs = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        await self._http.aclose()

    # What the server is.

    async def stats(self) -> SystemStats:
        """Version, devices and memory."""
        async with self._reading("GET /system_stats"):
            return answers.read_stats(await self._json("GET", "/system_stats"))

    async def object_info(self) -> dict[str, Any]:
        """All node classes with their inputs; model files stand in there as allowed values. 1 to 5 MB."""
        async with self._reading("GET /object_info", HEAVY_S):
            response = await self._http.get("/object_info", extensions={"largest": LARGEST_INFO})
            return msgspec.convert(_decoded(response), dict[str, Any])

    async def models(self, folder: str) -> tuple[str, ...]:
        """The files of a folder below models/; () when the server has no such folder."""
        async with self._reading("GET /models"):
            response = await self._http.get(f"/models/{folder}")
            if response.status_code == 404:
                return ()
            return msgspec.convert(_decoded(response), tuple[str, ...])

    async def epoch(self) -> str:
        """What stays the same until the server is started anew, for all who ask; "" when it can't be told.

        No route tells it, so we leave a mark that a restart takes away: a file among the temporary ones, which the
        server empties when it starts. Whoever finds none leaves one with a random text. Two at once: the server
        keeps the first file of a name and gives the other one another name, so all read the first.
        """
        found = await self._read_epoch()
        if found:
            return found
        try:
            await self.upload(uuid4().hex.encode(), EPOCH_FILE, kind="temp")
        except Refused:
            return ""
        return await self._read_epoch()

    async def _read_epoch(self) -> str:
        async with self._reading("GET /view"):
            response = await self._http.get("/view", params={"filename": EPOCH_FILE, "type": "temp"})
            if response.status_code == 404:
                return ""
            text = answered(response).content[:100].decode("ascii", "replace").strip()
            return text if _EPOCH.fullmatch(text) else ""

    # Prompts.

    async def submit(self, graph: Graph, prompt_id: str) -> float:
        """Put a graph into the queue under our own id, a UUID in lower case. Returns its number there.

        Raises InvalidGraph, also where the server took a part of it (that part is cancelled first).
        Unreachable with `reached`: it may stand in the queue all the same, so look before it is sent again, since
        the server runs an id that it gets twice twice.
        """
        order = msgspec.json.encode({"prompt": graph, "prompt_id": prompt_id, "client_id": self.client_id})
        async with self._reading("POST /prompt", HEAVY_S):
            response = await self._http.post("/prompt", content=order, headers=_JSON)
            if response.status_code == 400:
                raise _refusal(response, graph)
            accepted = answers.read_accepted(_decoded(response), graph)
        if accepted.errors:
            await self._give_up(accepted.prompt_id)
            raise _most_telling(accepted.errors)
        if accepted.prompt_id != prompt_id:
            await self._give_up(accepted.prompt_id)
            text = f"{self.address.name} gives prompts ids of its own, so none can be found again; update ComfyUI"
            raise Refused(text, status=400)
        return accepted.number

    async def _give_up(self, prompt_id: str) -> None:
        """Cancel what should not run; why it should not is the better error, whatever comes of this."""
        if not _PROMPT_ID.fullmatch(prompt_id):
            return
        try:
            await self.cancel(prompt_id)
        except ComfyError as error:
            log.warning("the prompt %s could not be cancelled: %s", prompt_id, error)

    async def queue(self) -> Queue:
        """What runs and what waits, everybody's."""
        async with self._reading("GET /queue"):
            return answers.read_queue(await self._json("GET", "/queue"))

    async def history(self, prompt_id: str) -> HistoryEntry | None:
        """How a prompt ended; None as long as it hasn't, or when the server doesn't know it."""
        async with self._reading("GET /history"):
            return answers.read_history(await self._json("GET", f"/history/{prompt_id}"), prompt_id)

    async def job(self, prompt_id: str) -> Job | None:
        """The same from the route of newer servers; None when the prompt or the route isn't known."""
        if not self._has_jobs:
            return None
        async with self._reading("GET /api/jobs"):
            response = await self._http.get(f"/api/jobs/{prompt_id}")
            if response.status_code == 404:
                self._has_jobs = _is_json(response)
                return None
            job = answers.read_job(_decoded(response))
            if job.prompt_id != prompt_id:
                raise ValueError("it tells of another job")
            return job

    async def sight(self, prompt_id: str) -> Sighting:
        """What `truth.standing` needs, asked for in the order that lets no prompt slip through."""
        queue = await self.queue()
        entry = None if prompt_id in queue else await self.history(prompt_id)
        return Sighting(queue=queue, history=entry)

    async def cancel(self, prompt_id: str, *, wait_s: float = CANCEL_S) -> bool:
        """Take a prompt out of the queue, or stop it. True once it neither waits nor runs.

        A server stops only between two steps of a sampler or between two nodes. After `wait_s` seconds this
        returns False: it has been asked to stop, and still runs.
        """
        end = time.monotonic() + wait_s
        pause = 0.05
        while True:
            await (self._cancel_job if self._has_jobs else self._cancel_by_hand)(prompt_id)
            if prompt_id not in await self.queue():
                return True
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def _cancel_job(self, prompt_id: str) -> None:
        async with self._reading("POST /api/jobs/cancel"):
            response = await self._http.post(f"/api/jobs/{prompt_id}/cancel")
            if response.status_code != 404:
                answered(response)
                return
        self._has_jobs = _is_json(response)
        await self._cancel_by_hand(prompt_id)

    async def _cancel_by_hand(self, prompt_id: str) -> None:
        """Very old servers stop whatever runs, whatever id is named, so it is named only while it runs."""
        async with self._reading("POST /queue"):
            answered(await self._http.post("/queue", json={"delete": [prompt_id]}))
        if prompt_id in (await self.queue()).running:
            async with self._reading("POST /interrupt"):
                answered(await self._http.post("/interrupt", json={"prompt_id": prompt_id}))

    async def forget(self, prompt_id: str) -> None:
        """Delete a prompt from the history; its files stay."""
        async with self._reading("POST /history"):
            await self._base.remove_from_history([prompt_id])

    async def free(self) -> None:
        """Have all models unloaded and memory given back, once the running prompt has ended."""
        async with self._reading("POST /free"):
            await self._base.free_memory(unload_models=True, free_memory=True)

    # Files.

    async def upload(self, source: Path | bytes, name: str, *, kind: str = "input") -> str:
        """Send a file; a path is read piece by piece. Returns the name that it has on the server.

        name: letters, digits, `.`, `_` and `-`. Where the name is taken by other bytes, the server chooses
        another one. Raises OSError when the path can't be read.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for an upload")
        async with self._reading("POST /upload/image", TRANSFER_S):
            if isinstance(source, bytes):
                response = await self._post_file(source, name, kind)
            else:
                with await asyncio.to_thread(source.open, "rb") as file:
                    response = await self._post_file(file, name, kind)
            return answers.read_upload(_decoded(response))

    async def _post_file(self, content: Any, name: str, kind: str) -> httpx.Response:
        files = {"image": (name, content, "application/octet-stream")}
        return await self._http.post("/upload/image", data={"type": kind}, files=files)

    async def download(
        self, file: OutputFile, target: Path, *, limit_s: float = TRANSFER_S, largest: int = LARGEST_OUTPUT
    ) -> Downloaded:
        """Write an output file to `target`, whose folder is there. Returns its size and SHA-256.

        A transfer that breaks off goes on where it was, as long as it gets further. Raises OutputGone, Refused
        (more than `largest` bytes), Unreachable, and OSError when the disk is full.
        """
        params = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}

        def ask(start: int, tag: str) -> AbstractAsyncContextManager[httpx.Response]:
            headers = {"Range": f"bytes={start}-", "If-Range": tag} if start else {}
            size = {"largest": None}  # counted as it is written
            return self._http.stream("GET", "/view", params=params, headers=headers, extensions=size)

        what = f"{self.address.name}: GET /view {brief(file.filename, 100)}"
        return await fetch(ask, what, file.filename, target, limit_s=limit_s, largest=largest)

    # How it is asked.

    def _reading(self, what: str, limit_s: float | None = None) -> AbstractAsyncContextManager[None]:
        return translated(f"{self.address.name}: {what}", self._quick_s if limit_s is None else limit_s)

    async def _json(self, method: str, path: str) -> Any:
        return _decoded(await self._http.request(method, path))


def _decoded(response: httpx.Response) -> Any:
    """The JSON of a good answer. Raises httpx.HTTPStatusError, ValueError, RecursionError."""
    content = answered(response).content
    if content.lstrip()[:1] == b"<":
        raise ValueError("it is a web page, not ComfyUI's; is this its address, or does a login stand before it?")
    return msgspec.json.decode(content)


def _refusal(response: httpx.Response, graph: Graph) -> InvalidGraph | httpx.HTTPStatusError:
    """Why a graph was refused. What can't be read is an answer all the same, and no fault of the server's."""
    try:
        return _most_telling(answers.read_refusal(msgspec.json.decode(response.content), graph))
    except (ValueError, RecursionError):
        return httpx.HTTPStatusError("refused", request=response.request, response=response)


def _is_json(response: httpx.Response) -> bool:
    """A 404 with JSON comes from the route; one without means that there is no such route."""
    kind: str = response.headers.get("content-type", "")
    return kind.startswith("application/json")


def _most_telling(errors: tuple[InvalidGraph, ...]) -> InvalidGraph:
    first = errors[0]
    first.others = errors[1:]
    return first
