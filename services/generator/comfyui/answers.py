"""What ComfyUI servers answer, as typed values. Pure.

Every parser takes decoded JSON and raises ValueError where the answer isn't what a ComfyUI server says: a proxy's
page, another service on that port. Fields that are not needed are passed over, so newer servers may say more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from services.generator.comfyui.errors import InvalidGraph, MissingInput, MissingModel, MissingNode
from services.generator.comfyui.folders import folder_of, is_model_file

Graph = Mapping[str, Mapping[str, Any]]
"""A graph in the API's format: nodes by id, each with `class_type` and `inputs`."""

Outcome = Literal["success", "error", "interrupted"]

_DETAILS = 200
"""Letters of the server's details that are kept; lists of allowed values can be very long."""


class PromptAccepted(Struct, frozen=True):
    """The prompt stands in the queue, at `number`; `errors` is not empty when it runs only in part."""

    prompt_id: str
    number: float
    errors: tuple[InvalidGraph, ...] = ()


class Queue(Struct, frozen=True):
    """The ids of the prompts that run (one, as a rule) and that wait, in the order of their turn."""

    running: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()

    def __contains__(self, prompt_id: str) -> bool:
        return prompt_id in self.running or prompt_id in self.pending


class OutputFile(Struct, frozen=True):
    """A saved file, as /view wants it named. `node` is the id of the node that saved it."""

    filename: str
    subfolder: str = ""
    type: str = "output"
    node: str = ""


class NodeFailure(Struct, frozen=True):
    """An exception in a node: its type by name, and its text."""

    node_id: str
    class_type: str
    kind: str
    message: str


class HistoryEntry(Struct, frozen=True):
    """A prompt that has ended.

    `outputs` has the saved files by node, previews left out. `seconds` is how long it ran by the server's clock.
    `cached` has the nodes that did not run: what those saved, they saved in an older prompt.
    """

    prompt_id: str
    status: Outcome
    outputs: Mapping[str, tuple[OutputFile, ...]] = {}
    error: NodeFailure | None = None
    stopped_at: str = ""
    seconds: float | None = None
    cached: frozenset[str] = frozenset()

    def files(self, node: str, suffixes: tuple[str, ...]) -> tuple[OutputFile, ...]:
        """The files that `node` saved whose names end in one of `suffixes` (lower case, with the dot)."""
        return tuple(file for file in self.outputs.get(node, ()) if file.filename.lower().endswith(suffixes))


class Job(Struct, frozen=True):
    """A prompt as newer servers tell it. `entry` is there once it has ended."""

    prompt_id: str
    status: Literal["pending", "in_progress", "completed", "failed", "cancelled"]
    entry: HistoryEntry | None = None


class Device(Struct, frozen=True):
    """One device to compute on; bytes."""

    name: str
    type: str
    vram_total: int
    vram_free: int


class SystemStats(Struct, frozen=True):
    """What a server says of itself; bytes."""

    version: str
    python: str
    torch: str
    ram_total: int
    ram_free: int
    devices: tuple[Device, ...]


class _Status(Struct):
    status_str: str
    messages: list[tuple[str, dict[str, Any]]] = []


class _Ended(Struct):
    outputs: dict[str, dict[str, Any]] = {}
    status: _Status | None = None


class _Job(Struct):
    id: str
    status: Literal["pending", "in_progress", "completed", "failed", "cancelled"]
    outputs: dict[str, dict[str, Any]] = {}
    execution_status: _Status | None = None


class _Error(Struct):
    type: str = "unknown"
    message: str = ""
    details: str = ""
    extra_info: dict[str, Any] | None = None


class _NodeErrors(Struct):
    class_type: str | None = None
    errors: list[_Error] = []


class _Accepted(Struct):
    prompt_id: str
    number: float
    node_errors: dict[str, _NodeErrors] = {}


class _Refusal(Struct):
    error: _Error | str | None = None
    node_errors: dict[str, _NodeErrors] = {}


class _System(Struct):
    comfyui_version: str = ""
    python_version: str = ""
    pytorch_version: str = ""
    ram_total: int = 0
    ram_free: int = 0


class _Stats(Struct):
    system: _System
    devices: list[Device]


class _Queue(Struct):
    queue_running: list[list[Any]]
    queue_pending: list[list[Any]]


def read_stats(body: object) -> SystemStats:
    """GET /system_stats."""
    stats = msgspec.convert(body, _Stats)
    system = stats.system
    return SystemStats(
        version=system.comfyui_version,
        python=system.python_version.partition(" ")[0],
        torch=system.pytorch_version,
        ram_total=system.ram_total,
        ram_free=system.ram_free,
        devices=tuple(stats.devices),
    )


def read_queue(body: object) -> Queue:
    """GET /queue. An item is a list: its number, its id, the graph and more."""
    queue = msgspec.convert(body, _Queue)
    running, pending = ([(_number(item), str(item[1])) for item in items] for items in _halves(queue))
    return Queue(
        running=tuple(prompt_id for _, prompt_id in running),
        pending=tuple(prompt_id for _, prompt_id in sorted(pending)),
    )


def read_history(body: object, prompt_id: str) -> HistoryEntry | None:
    """GET /history/{id}. None for {}: it runs, it waits, or the server doesn't know it."""
    entries = msgspec.convert(body, dict[str, _Ended])
    ended = entries.get(prompt_id)
    return None if ended is None else _entry(prompt_id, ended.outputs, ended.status)


def read_job(body: object) -> Job:
    """GET /api/jobs/{id}, where it answers 200."""
    job = msgspec.convert(body, _Job)
    over = job.status in ("completed", "failed", "cancelled")
    entry = _entry(job.id, job.outputs, job.execution_status) if over else None
    return Job(prompt_id=job.id, status=job.status, entry=entry)


def read_accepted(body: object, graph: Graph) -> PromptAccepted:
    """POST /prompt, where it answers 200."""
    said = msgspec.convert(body, _Accepted)
    errors = tuple(_node_errors(said.node_errors, graph))
    return PromptAccepted(prompt_id=said.prompt_id, number=said.number, errors=_telling_first(errors))


def read_refusal(body: object, graph: Graph) -> tuple[InvalidGraph, ...]:
    """POST /prompt, where it answers 400: at least one error, the most telling first."""
    said = msgspec.convert(body, _Refusal)
    errors = tuple(_node_errors(said.node_errors, graph))
    return _telling_first(errors) if errors else (_graph_error(said.error, graph),)


def _halves(queue: _Queue) -> Iterator[list[list[Any]]]:
    for items in (queue.queue_running, queue.queue_pending):
        if any(len(item) < 2 for item in items):
            raise ValueError("an item of the queue has no id")
        yield items


def _number(item: list[Any]) -> float:
    return float(item[0]) if isinstance(item[0], (int, float)) else 0.0


def _entry(prompt_id: str, outputs: dict[str, dict[str, Any]], status: _Status | None) -> HistoryEntry:
    saved = {node: files for node, said in outputs.items() if (files := tuple(_files(node, said)))}
    if status is None:
        return HistoryEntry(prompt_id=prompt_id, status="success" if saved else "error", outputs=saved)
    messages = dict(status.messages)
    stopped = messages.get("execution_interrupted")
    outcome: Outcome = "success" if status.status_str == "success" else "interrupted" if stopped else "error"
    return HistoryEntry(
        prompt_id=prompt_id,
        status=outcome,
        outputs=saved,
        error=_failure(messages.get("execution_error", {})) if outcome == "error" else None,
        stopped_at=str((stopped or {}).get("node_id", "")),
        seconds=_seconds(messages),
        cached=frozenset(map(str, messages.get("execution_cached", {}).get("nodes") or ())),
    )


def _files(node: str, said: Mapping[str, Any]) -> Iterator[OutputFile]:
    """Files stand in lists of any name: images (videos too), gifs, videos, audio; packs invent more."""
    for items in said.values():
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(item.get("filename"), str):
                file = OutputFile(
                    filename=item["filename"],
                    subfolder=str(item.get("subfolder") or ""),
                    type=str(item.get("type") or "output"),
                    node=node,
                )
                if file.type == "output":
                    yield file


def _failure(said: Mapping[str, Any]) -> NodeFailure:
    return NodeFailure(
        node_id=str(said.get("node_id", "")),
        class_type=str(said.get("node_type", "")),
        kind=str(said.get("exception_type", "")),
        message=str(said.get("exception_message", "")).strip(),
    )


def _seconds(messages: Mapping[str, Mapping[str, Any]]) -> float | None:
    """From the start to the last message; the server's clock counts milliseconds."""
    times = [at for said in messages.values() if isinstance(at := said.get("timestamp"), (int, float))]
    return (max(times) - min(times)) / 1000 if len(times) > 1 else None


def _graph_error(said: _Error | str | None, graph: Graph) -> InvalidGraph:
    """The error of a graph as a whole; a missing class is one, and says which node it means in two ways."""
    if not isinstance(said, _Error):
        return InvalidGraph((said or "no reason was given")[:_DETAILS], kind="unknown")
    extra = said.extra_info or {}
    node_id = str(extra.get("node_id") or said.details.partition("#")[2].rstrip("'"))
    if said.type in ("missing_node_type", "invalid_prompt") and node_id in graph:
        class_type = str(extra.get("class_type") or graph[node_id].get("class_type") or "")
        return MissingNode(said.message, kind=said.type, node_id=node_id, class_type=class_type)
    details = "" if said.details == said.message else said.details
    return InvalidGraph(f"{said.message} {details}".strip()[:_DETAILS], kind=said.type)


def _node_errors(said: Mapping[str, _NodeErrors], graph: Graph) -> Iterator[InvalidGraph]:
    for node_id, node in said.items():
        inputs = graph.get(node_id, {}).get("inputs", {})
        for error in node.errors:
            yield _node_error(node_id, node.class_type or "", error, inputs)


def _node_error(node_id: str, class_type: str, said: _Error, inputs: Mapping[str, Any]) -> InvalidGraph:
    extra = said.extra_info or {}
    name = str(extra.get("input_name", ""))
    given = extra.get("received_value", inputs.get(name))
    if said.type == "value_not_in_list" and is_model_file(given):
        folder = folder_of(class_type, name)
        return MissingModel(given, folder, kind=said.type, node_id=node_id, class_type=class_type, input=name)
    if said.type == "custom_validation_failed" and isinstance(given, str) and given and given in said.details:
        return MissingInput(given, kind=said.type, node_id=node_id, class_type=class_type, input=name)
    text = f"{said.message}: {said.details}"[:_DETAILS]
    return InvalidGraph(text, kind=said.type, node_id=node_id, class_type=class_type, input=name)


def _telling_first(errors: tuple[InvalidGraph, ...]) -> tuple[InvalidGraph, ...]:
    """What a server lacks comes before what follows from it."""
    return tuple(sorted(errors, key=lambda error: type(error) is InvalidGraph))
