"""Which workflows a server can run, and what it lacks for the others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from libs.contracts.errors import Permanent
from services.generator.comfyui.folders import folder_of
from services.generator.comfyui.graph import Graph, Place, model_files
from services.generator.comfyui.validate import HARMLESS, Flaw, flaws
from services.generator.comfyui.workflow import FULL, Workflow

GB = 10**9


class ServerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server said of itself."""

    object_info: Mapping[str, Any]
    version: str = ""
    """Of ComfyUI; "": not known."""
    vram: int | None = None
    """Bytes of GPU memory; None: not known."""


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a server lacks for a workflow."""

    kind: Literal["version", "class", "input", "model", "memory"]
    what: str
    """The node class, the input, the file; or words."""
    folder: str = ""
    """Where a model file belongs, below ComfyUI's folder `models`."""
    gb: float = 0.0
    url: str = ""
    message: str


def can(workflow: Workflow, facts: ServerFacts, *, profile: str = FULL) -> tuple[Lack, ...]:
    """What the server lacks to run the workflow; nothing, if it can."""
    graph = workflow.graph_of(profile)
    found = [*_old(workflow, facts.version)]
    found += [_lack(workflow, graph, flaw) for flaw in flaws(graph, facts.object_info) if flaw.kind not in HARMLESS]
    least = workflow.profiles[profile].vram_gb
    if facts.vram is not None and facts.vram < least * GB:
        text = f"The GPU has {facts.vram / GB:.0f} GB of memory; the profile {profile} needs {least:g} GB."
        found.append(Lack(kind="memory", what=f"{least:g} GB", message=text))
    return tuple({(lack.kind, lack.what): lack for lack in found}.values())


def _old(workflow: Workflow, version: str) -> Iterator[Lack]:
    """An old server may have all node classes and yet not know a new kind of model. Odd versions count as new."""
    have, least = _numbers(version), _numbers(workflow.min_comfyui)
    if have and have < least:
        text = f"ComfyUI is {version}; the workflow needs {workflow.min_comfyui}."
        yield Lack(kind="version", what=workflow.min_comfyui, message=text)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()


def best_profile(workflow: Workflow, facts: ServerFacts) -> str | None:
    """The largest profile that the server can run; None if it can run none."""
    return next((name for name in workflow.by_memory if not can(workflow, facts, profile=name)), None)


def missing_model(workflow: Workflow, lacks: tuple[Lack, ...]) -> Permanent:
    """The error for work that no server can do, naming what is missing."""
    models = [lack for lack in lacks if lack.kind == "model"]
    if not models:
        return Permanent("workflow_unsupported", f"{workflow.name}: {' '.join(lack.message for lack in lacks)}")
    files = ", ".join(f"models/{lack.folder or '?'}/{lack.what}" for lack in models)
    return Permanent("workflow_missing_model", f"{workflow.name}: no server has {files}.")


def _lack(workflow: Workflow, graph: Graph, flaw: Flaw) -> Lack:
    if flaw.kind == "class":
        return Lack(kind="class", what=flaw.class_type, message=flaw.message)
    if flaw.kind != "file":
        return Lack(kind="input", what=f"{flaw.class_type}.{flaw.input}", message=flaw.message)
    place = Place(flaw.node, flaw.input)
    file = model_files(graph)[place]
    model = next((entry for entry in workflow.models if entry.file == file), None)
    folder = folder_of(flaw.class_type, flaw.input) if model is None else model.folder
    return Lack(
        kind="model",
        what=file,
        folder=folder,
        gb=0.0 if model is None else model.gb,
        url="" if model is None else model.url,
        message=f"models/{folder or '?'}/{file} is missing.",
    )
