"""What ComfyUI servers answer, as typed values. Pure.

Every parser takes decoded JSON and raises ValueError where the answer isn't what a ComfyUI server says: a proxy's
page, another service on that port. Fields that are not needed are passed over, so newer servers may say more; so
are things of another shape among many, since custom nodes say what they like. Numbers are finite, and names short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from services.generator.comfyui.errors import InvalidGraph, MissingInput, MissingModel, MissingNode, brief
from services.generator.comfyui.folders import folder_of, is_model_file

Graph = Mapping[str, Mapping[str, Any]]
"""A graph in the API's format: nodes by id, each with `class_type` and `inputs`."""

Outcome = Literal["success", "error", "interrupted"]

_DETAILS = 200
"""Letters of the server's details that are kept; lists of allowed values can be very long."""
_NAME = 500
"""Letters that the name of a file or a folder may have."""
_LONGEST_RUN_S = 7 * 24 * 3600.0
"""A prompt that is said to have run for longer has run on a damaged clock."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Bytes = Annotated[int, Meta(ge=0, le=1 << 60)]


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

    `outputs` has the saved files by node, previews left out. `seconds` and `ended_at` say by the server's clock how
    long it ran, and until when.
    `cached` has the nodes that did not run: what those saved, they saved in an older prompt.
    """

    prompt_id: str
    status: Outcome
    outputs: Mapping[str, tuple[OutputFile, ...]] = {}
    error: NodeFailure | None = None
    stopped_at: str = ""
    seconds: float | None = None
    ended_at: datetime | None = None
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
    vram_total: Bytes
    vram_free: Bytes


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
    messages: list[Any] = []


class _Ended(Struct):
    outputs: dict[str, Any] | None = None
    status: _Status | None = None


class _Job(Struct):
    id: str
    status: Literal["pending", "in_progress", "completed", "failed", "cancelled"]
    outputs: dict[str, Any] | None = None
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
    number: Annotated[float, Meta(ge=-1e15, le=1e15)]
    node_errors: dict[str, _NodeErrors] | list[Any] | None = None


class _Refusal(Struct):
    error: _Error | str | None = None
    node_errors: dict[str, _NodeErrors] | list[Any] | None = None


class _System(Struct):
    comfyui_version: str | None = None
    python_version: str | None = None
    pytorch_version: str | None = None
    ram_total: Bytes = 0
    ram_free: Bytes = 0


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
        version=brief(system.comfyui_version or "", 50),
        python=brief(system.python_version or "", 50).partition(" ")[0],
        torch=brief(system.pytorch_version or "", 50),
        ram_total=system.ram_total,
        ram_free=system.ram_free,
        devices=tuple(
            Device(brief(one.name, 100), brief(one.type, 20), one.vram_total, one.vram_free)
            for one in stats.devices
        ),
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
    entries = msgspec.convert(body, dict[str, Any])
    if prompt_id not in entries:
        return None
    ended = msgspec.convert(entries[prompt_id], _Ended)
    return _entry(prompt_id, ended.outputs or {}, ended.status)


def read_job(body: object) -> Job:
    """GET /api/jobs/{id}, where it answers 200."""
    job = msgspec.convert(body, _Job)
    over = job.status in ("completed", "failed", "cancelled")
    entry = _entry(job.id, job.outputs or {}, job.execution_status) if over else None
    return Job(prompt_id=job.id, status=job.status, entry=entry)


def read_accepted(body: object, graph: Graph) -> PromptAccepted:
    """POST /prompt, where it answers 200."""
    said = msgspec.convert(body, _Accepted)
    errors = tuple(_node_errors(said.node_errors, graph))
    if said.node_errors and not errors:
        errors = (InvalidGraph("it is taken only in part, and no reason was given", kind="unknown"),)
    return PromptAccepted(prompt_id=said.prompt_id, number=said.number, errors=_telling_first(errors))


def read_refusal(body: object, graph: Graph) -> tuple[InvalidGraph, ...]:
    """POST /prompt, where it answers 400: at least one error, the most telling first."""
    said = msgspec.convert(body, _Refusal)
    errors = tuple(_node_errors(said.node_errors, graph))
    return _telling_first(errors) if errors else (_graph_error(said.error, graph),)


def read_upload(body: object) -> str:
    """POST /upload/image. The name by which a graph can load the file."""
    said = msgspec.convert(body, dict[str, Any])
    name, subfolder = _name(said.get("name")), _name(said.get("subfolder") or "")
    if not name or subfolder is None:
        raise ValueError("the answer to an upload has no name")
    return "/".join(filter(None, (subfolder, name)))


def _name(value: object) -> str | None:
    """The name of a file or a folder; None for what can't be one."""
    return value if isinstance(value, str) and len(value) <= _NAME and value.isprintable() else None


def _halves(queue: _Queue) -> Iterator[list[list[Any]]]:
    for items in (queue.queue_running, queue.queue_pending):
        if any(len(item) < 2 for item in items):
            raise ValueError("an item of the queue has no id")
        yield items


def _number(item: list[Any]) -> float:
    return float(item[0]) if isinstance(item[0], (int, float)) and abs(item[0]) < 1e15 else 0.0


def _entry(prompt_id: str, outputs: Mapping[str, Any], status: _Status | None) -> HistoryEntry:
    saved = {
        node: files
        for node, said in outputs.items()
        if isinstance(said, dict) and (files := tuple(_files(node, said)))
    }
    if status is None:
        return HistoryEntry(prompt_id=prompt_id, status="success" if saved else "error", outputs=saved)
    messages = dict(_messages(status))
    stopped = messages.get("execution_interrupted")
    seconds, ended_at = _times(messages)
    outcome: Outcome = "success" if status.status_str == "success" else "interrupted" if stopped else "error"
    return HistoryEntry(
        prompt_id=prompt_id,
        status=outcome,
        outputs=saved,
        error=_failure(messages.get("execution_error", {})) if outcome == "error" else None,
        stopped_at=str((stopped or {}).get("node_id", "")),
        seconds=seconds,
        ended_at=ended_at,
        cached=_cached(messages.get("execution_cached", {})),
    )


def _messages(status: _Status) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for said in status.messages:
        if isinstance(said, list) and len(said) == 2 and isinstance(said[0], str) and isinstance(said[1], dict):
            yield said[0], said[1]


def _cached(said: Mapping[str, Any]) -> frozenset[str]:
    nodes = said.get("nodes")
    return frozenset(node for node in nodes if isinstance(node, str)) if isinstance(nodes, list) else frozenset()


def _files(node: str, said: Mapping[str, Any]) -> Iterator[OutputFile]:
    """Files stand in lists of any name: images (videos too), gifs, videos, audio; packs invent more."""
    for items in said.values():
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and (item.get("type") or "output") == "output":
                filename, subfolder = _name(item.get("filename")), _name(item.get("subfolder") or "")
                if filename and subfolder is not None:
                    yield OutputFile(filename, subfolder, "output", node)


def _failure(said: Mapping[str, Any]) -> NodeFailure:
    return NodeFailure(
        node_id=str(said.get("node_id", "")),
        class_type=str(said.get("node_type", "")),
        kind=str(said.get("exception_type", "")),
        message=str(said.get("exception_message", "")).strip(),
    )


def _times(messages: Mapping[str, Mapping[str, Any]]) -> tuple[float | None, datetime | None]:
    """Seconds from the start to the last message, and when that was; the server's clock counts milliseconds. None
    when it can't be told."""
    times = [at for said in messages.values() if isinstance(at := said.get("timestamp"), (int, float))]
    if len(times) < 2 or not all(0 <= at < 1e14 for at in times):
        return None, None
    seconds = (max(times) - min(times)) / 1000
    if seconds > _LONGEST_RUN_S:
        return None, None
    return seconds, _EPOCH + timedelta(milliseconds=max(times))


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


def _node_errors(said: Mapping[str, _NodeErrors] | list[Any] | None, graph: Graph) -> Iterator[InvalidGraph]:
    for node_id, node in said.items() if isinstance(said, Mapping) else ():
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
