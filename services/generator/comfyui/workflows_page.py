"""The page of workflows, docs/workflows.md, from their bindings."""

from __future__ import annotations

from collections.abc import Iterator

from services.generator.comfyui.library import Library
from services.generator.comfyui.workflow import PARAMETERS, TASKS, Model, Task, Workflow

PURPOSES: dict[Task, str] = {
    "imagine": "Stills from text",
    "edit": "Stills from references",
    "control": "Stills after a pose or a depth map",
    "animate": "Clips",
    "flf": "Clips between two stills",
    "performance": "Clips that move to a sound",
    "upscale": "Larger clips",
    "interpolate": "Smoother clips",
    "music": "Songs",
    "voice": "Speech",
    "selftest": "The pool's own checks",
}

_HEAD = """# Workflows

Generated from the bindings in `comfyui-workflows`, whose
[README](../comfyui-workflows/README.md) says how to add one.

Sizes of files are rounded. GPU memory is an estimate for planning, in units of 10^9 bytes; a GPU that is sold with
24 GB has a little more. A profile is chosen for each server by its memory.

Beside each licence stands who states it: the makers of the model. Files that others made smaller or joined have
the licence of what they were made from. Licences change; read them before you earn money with what the models make.
"""


_SPEECH = """None is shipped, since ComfyUI has no node that speaks: nodes that do come in packs of others.
[Scripts](scripts.md#a-workflow-of-comfyui) shows how to bring a graph with one."""


def workflows_page(library: Library) -> str:
    """The page: an overview, then each workflow, then every model file once."""
    parts = [_HEAD, "\n".join(_overview(library))]
    for task in sorted(TASKS, key=list(PURPOSES).index):
        parts.append(f"## {PURPOSES[task]}")
        if task == "voice":
            parts.append(_SPEECH)
        parts += ["\n\n".join(_section(workflow)) for workflow in library.of_task(task)]
    parts += ["## Model files", "\n".join(_models(library))]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _overview(library: Library) -> Iterator[str]:
    yield "| workflow | for | GPU memory | models | longest | ComfyUI |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for workflow in library:
        memory = ", ".join(f"{name} {workflow.profiles[name].vram_gb:g} GB" for name in workflow.by_memory)
        gb = sum(model.gb for model in workflow.models_of("full"))
        models = f"{gb:.1f} GB" if workflow.models else "none"
        least = workflow.min_comfyui
        longest = "" if workflow.longest_s is None else f"{workflow.longest_s:.1f} s"
        known = f"[`{workflow.name}`](#{workflow.name})"
        yield f"| {known} | {workflow.task} | {memory} | {models} | {longest} | {least} |"


def _section(workflow: Workflow) -> Iterator[str]:
    yield f"### {workflow.name}"
    yield f"{workflow.title}. {workflow.about}"
    yield from (f"**Not free for all commercial use.** {terms}" for terms in not_free(workflow))
    rows = [f"- Takes {', '.join(_parameters(workflow))}."]
    rows += [f"- Makes {', '.join(workflow.output.types)}{_limits(workflow)}."]
    for name in workflow.by_memory:
        profile = workflow.profiles[name]
        limits = workflow.limits_of(name)
        told = [f"{profile.vram_gb:g} GB"]
        if limits.max_pixels is not None:
            told.append(f"at most {limits.max_pixels:,} pixels a frame")
        told += [f"{setting.input} `{setting.value}`" for setting in profile.set]
        rows.append(f"- Profile `{name}`: {', '.join(told)}.")
    if workflow.models:
        rows.append(f"- Models: {', '.join(f'`{model.file}`' for model in workflow.models)}.")
    if workflow.continue_with:
        rows.append(f"- Longer clips are continued from the last frame by `{workflow.continue_with}`.")
    yield "\n".join(rows)


def not_free(workflow: Workflow) -> list[str]:
    """For each licence of its models under which not everybody may earn money: its name and its terms."""
    models = (model for model in workflow.models if not model.commercial)
    return list(dict.fromkeys(f"{model.licence}: {model.terms}" for model in models))


def _parameters(workflow: Workflow) -> Iterator[str]:
    for name in PARAMETERS:
        if workflow.takes(name):
            yield f"**{name}**" if name in workflow.needed else name


def _limits(workflow: Workflow) -> str:
    limits = workflow.limits
    told = []
    if workflow.takes("width"):
        told.append(f"sides of {limits.min_side} to {limits.max_side} pixels, multiples of {limits.size_multiple}")
    if workflow.takes("frames") and limits.max_frames is not None:
        rule = f", {limits.frame_step} n + {limits.frame_rest}" if limits.frame_step > 1 else ""
        told.append(f"{limits.min_frames} to {limits.max_frames} frames{rule}")
    if limits.fps is not None:
        told.append(f"{limits.fps:g} frames a second")
    if limits.max_seconds is not None:
        told.append(f"at most {limits.max_seconds:g} s")
    return "".join(f"; {text}" for text in told)


def _models(library: Library) -> Iterator[str]:
    yield "| file | folder below `models` | GB | licence | stated by | used by |"
    yield "| --- | --- | --- | --- | --- | --- |"
    users: dict[tuple[str, str], list[str]] = {}
    found: dict[tuple[str, str], Model] = {}
    for workflow in library:
        for model in workflow.models:
            key = model.folder, model.file
            found[key] = model
            users.setdefault(key, []).append(workflow.name)
    for key in sorted(found):
        model = found[key]
        name = f"[{model.file}]({model.url})" if model.url else model.file
        licence = model.licence if model.commercial else f"**{model.licence}**"
        source = model.source or "nobody: all rights are reserved"
        used = ", ".join(users[key])
        yield f"| {name} | {model.folder} | {model.gb:g} | {licence} | {source} | {used} |"
    yield ""
    terms = {model.licence: model.terms for model in found.values() if model.terms}
    yield from (f"- {licence}: {terms[licence]}" for licence in sorted(terms))
