"""One prompt from start to end: which node when, what it costs, what is said of it."""

from __future__ import annotations

import asyncio
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.fakes.comfyui import catalogue, meaning, saving
from tests.fakes.comfyui import media as making
from tests.fakes.comfyui.meaning import Media
from tests.fakes.comfyui.switches import Switches
from tests.fakes.comfyui.validation import is_link

if TYPE_CHECKING:
    from tests.fakes.comfyui.engine import Prompt, Server

_LOADERS_OF_FILES = {"LoadImage": "image", "LoadImageMask": "image", "LoadVideo": "file", "LoadAudio": "audio"}
_OOM = (
    "CUDA out of memory. Tried to allocate 20.00 GiB.\nThis error means you ran out of memory on your GPU.\n\n"
    "TIPS: If the workflow worked before you might have accidentally set the batch_size to a large number."
)
_BYTES_PER_PIXEL = 64  # of all frames together, while sampling


class Crash(Exception):
    """The server dies here."""


class _Interrupted(Exception):
    pass


class _Failed(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Cached(NamedTuple):
    """What a node gave, kept for the next prompt."""

    value: Any
    output: dict[str, Any] | None


class Verdict(NamedTuple):
    """How it ended."""

    success: bool
    outputs: dict[str, Any]


class Run:
    """Executes a prompt on a server, under the switches that hold for it."""

    def __init__(self, server: Server, prompt: Prompt, how: Switches) -> None:
        self.how = how
        self.messages: list[list[Any]] = []
        """The terminal events, as history keeps them."""
        self._server = server
        self._prompt = prompt
        self._client = prompt.client_id
        self._states: dict[str, dict[str, Any]] = {}
        self._values: dict[str, Any] = {}
        self._signatures: dict[str, int] = {}
        self._outputs: dict[str, Any] = {}
        self._executed: list[str] = []
        self._files: set[str] = set()
        """Model files that the graph loads."""

    async def execute(self) -> Verdict:
        """Raises Crash when the server is to die."""
        server = self._server
        reached = staged(self._prompt.graph, self._prompt.outputs)
        self._record("execution_start", {})
        self._signatures = signatures(self._prompt.graph, reached, server.folder / "input")
        cached = [node for node in self._prompt.graph if self._signatures.get(node) in server.cache]
        self._record("execution_cached", {"nodes": cached})
        for node in cached:
            value, output = server.cache[self._signatures[node]]
            self._values[node] = value
            if output is not None:
                self._tell_cached(node, output)
        keep = {self._signatures[node] for node in reached}
        server.cache = {key: value for key, value in server.cache.items() if key in keep}
        node = ""
        try:
            done = set(cached)
            while (found := next_node(self._prompt.graph, reached, done, self._prompt.outputs)) is not None:
                node = found
                try:
                    await self._execute(node)
                except (_Interrupted, _Failed, Crash):
                    raise
                except Exception as error:  # a fault of the double's own is told like one of a node
                    traceback.print_exc()
                    raise _Failed(type(error).__name__, str(error)) from error
                done.add(node)
                self._executed.append(node)
        except _Interrupted:
            self._record("execution_interrupted", self._where(node))
            return Verdict(False, {})
        except _Failed as error:
            self._record("execution_error", self._where(node) | self._what(node, error, reached))
            return Verdict(False, {})
        if self.how.crash == "done":
            raise Crash
        self._record("execution_success", {})
        return Verdict(True, self._outputs)

    # what is said

    def _record(self, kind: str, data: dict[str, Any]) -> None:
        told: dict[str, Any] = {"prompt_id": self._prompt.id, **data, "timestamp": int(time.time() * 1000)}
        if kind == "execution_cached":
            told = {"nodes": data["nodes"], "prompt_id": self._prompt.id, "timestamp": told["timestamp"]}
        self.messages.append([kind, told])
        self._tell(kind, told)

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        """To the client of the prompt; to nobody when it named none."""
        if self._client is not None:
            self._server.sockets.tell(kind, data, self._client)

    def _state(self, node: str, value: float, maximum: float, state: str) -> None:
        """Progress goes to the client, or to all when the prompt named none."""
        self._states[node] = {
            "value": value, "max": maximum, "state": state, "node_id": node, "prompt_id": self._prompt.id,
            "display_node_id": node, "parent_node_id": None, "real_node_id": node,
        }  # fmt: skip
        told = {"prompt_id": self._prompt.id, "nodes": self._states}
        self._server.sockets.tell("progress_state", told, self._client)

    def _tell_cached(self, node: str, output: dict[str, Any]) -> None:
        if self.how.stale_cache:
            for entry in [one for many in output.values() for one in many if isinstance(one, dict)]:
                (self._server.folder / entry["type"] / entry["subfolder"] / entry["filename"]).unlink(
                    missing_ok=True
                )
        self._outputs[node] = output
        said = {"node": node, "display_node": node, "output": output, "prompt_id": self._prompt.id}
        self._tell("executed", said)
        self._state(node, 1, 1, "finished")

    def _where(self, node: str) -> dict[str, Any]:
        node_type = self._prompt.graph[node]["class_type"]
        return {"node_id": node, "node_type": node_type, "executed": list(self._executed)}

    def _what(self, node: str, error: _Failed, reached: list[str]) -> dict[str, Any]:
        inputs = self._prompt.graph[node]["inputs"].items()
        return {
            "exception_message": str(error) + ("\n" if error.kind == "RuntimeError" else ""),
            "exception_type": error.kind,
            "traceback": ['  File "execution.py", line 545, in execute\n'],
            "current_inputs": {name: [value] for name, value in inputs if not is_link(value)},
            "current_outputs": list(reached),
        }

    # what is done

    async def _execute(self, node: str) -> None:
        self._server.last_node = node
        self._state(node, 0.0, 1.0, "running")
        self._tell("executing", {"node": node, "display_node": node, "prompt_id": self._prompt.id})
        self._heed_interrupt()
        node_class = self._prompt.graph[node]["class_type"]
        inputs = catalogue.granular(catalogue.bare()[node_class], self._inputs(node))
        await self._load_models(node_class, inputs)
        loaded = await self._loaded(node_class, inputs)
        value = meaning.evaluate(node_class, inputs, loaded)
        is_output = catalogue.bare()[node_class]["output_node"]
        if meaning.is_sampler(node_class, inputs):
            await self._sample(node, inputs, value)
        elif not is_output and loaded is None:
            await self._spend(self.how.node_s)
        output = await self._save(node, node_class, inputs) if is_output else None
        self._values[node] = value
        self._server.cache[self._signatures[node]] = Cached(value, output)
        state = self._states[node]
        self._state(node, state["max"], state["max"], "finished")

    def _inputs(self, node: str) -> dict[str, Any]:
        return {
            name: meaning.picked(self._values.get(value[0]), value[1]) if is_link(value) else value
            for name, value in self._prompt.graph[node]["inputs"].items()
        }

    def _heed_interrupt(self) -> None:
        since = self._server.interrupted_at
        if since is None or self.how.deaf_to_interrupts:
            return
        if time.monotonic() - since >= self.how.interrupt_s:
            raise _Interrupted

    async def _spend(self, seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds)

    async def _load_models(self, node_class: str, inputs: dict[str, Any]) -> None:
        """A file that is not resident costs time, and drives out those that were used longest ago."""
        resident = self._server.resident
        for name, file in inputs.items():
            folder = catalogue.folder_of(node_class, name) if isinstance(file, str) else None
            if folder is None or file not in self._server.models.get(folder, ()):
                continue
            path = f"{folder}/{file}"
            self._files.add(path)
            if path in resident:
                resident[path] = resident.pop(path)
                continue
            while resident and sum(resident.values()) + self.how.model_bytes > self.how.vram_bytes:
                del resident[next(iter(resident))]
            self._server.counts.loads[path] += 1
            await self._spend(self.how.load_s)
            resident[path] = self.how.model_bytes

    async def _loaded(self, node_class: str, inputs: dict[str, Any]) -> Media | None:
        name = _LOADERS_OF_FILES.get(node_class)
        if name is None:
            return None
        return await asyncio.to_thread(making.measured, self._server.folder / "input" / str(inputs[name]))

    async def _sample(self, node: str, inputs: dict[str, Any], value: Any) -> None:
        media = value if isinstance(value, Media) else Media()
        asked = meaning.steps(inputs)
        count = min(asked, self.how.steps_at_most or asked)
        step_s = inputs["step_ms"] / 1000 if "step_ms" in inputs else self.how.step_s
        for step in range(1, count + 1):
            await asyncio.sleep(step_s)
            if step == min(2, count):
                await self._spend(self.how.stall_s)
                if self.how.crash == "running":
                    raise Crash
            self._heed_interrupt()
            self._tick(node, media, step, count)
        self._may_fail(media, str(inputs["fail"]) if "step_ms" in inputs else "")

    def _may_fail(self, media: Media, told: str = "") -> None:
        if told == "oom" or self._out_of_memory(media):
            raise _Failed("torch.OutOfMemoryError", _OOM)
        if told or self.how.exec_error:
            raise _Failed("RuntimeError", told or self.how.exec_error)

    def _tick(self, node: str, media: Media, step: int, count: int) -> None:
        about = {
            "node_id": node, "prompt_id": self._prompt.id, "display_node_id": node, "parent_node_id": None,
            "real_node_id": node,
        }  # fmt: skip
        jpeg = making.preview(media, step)
        sockets = self._server.sockets
        self._state(node, step, count, "running")
        sockets.preview(jpeg, about, self._client, described=True)
        told = {"value": step, "max": count, "prompt_id": self._prompt.id, "node": node}
        sockets.tell("progress", told, self._client)
        sockets.preview(jpeg, about, self._client, described=False)

    def _out_of_memory(self, media: Media) -> bool:
        pixels = media.width * media.height * max(media.frames, 1)
        match self.how.oom:
            case "always":
                return True
            case "size":
                return pixels > self.how.oom_pixels
            case "memory":
                used = len(self._files) * self.how.model_bytes + pixels * _BYTES_PER_PIXEL
                return used > self.how.vram_bytes
        return False

    async def _save(self, node: str, node_class: str, inputs: dict[str, Any]) -> dict[str, Any] | None:
        if not any(meaning.is_sampler(one["class_type"], one["inputs"]) for one in self._prompt.graph.values()):
            if self.how.crash == "running":
                raise Crash
            self._may_fail(next((value for value in inputs.values() if isinstance(value, Media)), Media()))
        extra = self._prompt.extra.get("extra_pnginfo") or {}
        metadata = {"prompt": self._prompt.graph, **extra}
        arguments = (self._server.folder, self._server.temp_word, metadata, self.how)
        output = await asyncio.to_thread(saving.save, node_class, inputs, *arguments)
        if output is not None:
            self._outputs[node] = output
            said = {"node": node, "display_node": node, "output": output, "prompt_id": self._prompt.id}
            self._tell("executed", said)
        return output


def parents(graph: dict[str, Any], node: str) -> list[str]:
    """Ids of the nodes that a node takes from, in the order of its inputs."""
    return [value[0] for value in graph[node]["inputs"].values() if is_link(value)]


def staged(graph: dict[str, Any], outputs: list[str]) -> list[str]:
    """All nodes that the outputs need, in the order in which they are found."""
    found: list[str] = []
    for output in outputs:
        waiting = [output]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.append(node)
                waiting += parents(graph, node)
    return found


def next_node(graph: dict[str, Any], reached: list[str], done: set[str], outputs: list[str]) -> str | None:
    """The node to execute now: an output first, then what leads to one soonest."""
    children: dict[str, list[str]] = {}
    for node in reached:
        for parent in parents(graph, node):
            children.setdefault(parent, []).append(node)

    def distance(node: str, depth: int = 0) -> int:
        if node in outputs or depth == 3:
            return depth
        return min((distance(child, depth + 1) for child in children.get(node, [])), default=3)

    ready = [node for node in reached if node not in done and done.issuperset(parents(graph, node))]
    return min(ready, key=distance, default=None)


def signatures(graph: dict[str, Any], reached: list[str], uploads: Path) -> dict[str, int]:
    """By node, a number that follows from its class, its inputs and all upstream: the same one, the same result."""
    found: dict[str, int] = {}

    def of(node: str) -> int:
        if node not in found:
            told: dict[str, Any] = {"class": graph[node]["class_type"]}
            for name, value in graph[node]["inputs"].items():
                told[name] = [of(value[0]), value[1]] if is_link(value) else [value]
                file = uploads / value if isinstance(value, str) and 0 < len(value) < 200 else None
                if file is not None and graph[node]["class_type"].startswith("Load") and file.is_file():
                    told[name].append(file.stat().st_mtime_ns)
            told["saved as"] = graph[node]["inputs"].get("filename_prefix")
            found[node] = meaning.digest("signature", told)
        return found[node]

    return {node: of(node) for node in reached}
