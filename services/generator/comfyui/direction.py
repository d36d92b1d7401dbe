"""From a shot to what is asked of workflows: which of them, in which order, with which words and sizes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from libs.contracts.errors import Permanent
from libs.contracts.storyboard import Scene, Still
from services.generator.comfyui.library import Library
from services.generator.comfyui.workflow import Workflow

BUILTIN = "builtin"
"""Stands in a chain for the renderer that needs no GPU."""
CLIP_TASKS = ("animate", "performance", "selftest")
"""What workflows are for that make clips of shots."""
PREFERRED = ("wan22-5b", "wan22-i2v", "wan22-t2v", "ltx23-i2v")
"""What is tried when the settings name nothing, in this order, then the builtin renderer."""
STILLS = ("qwen-edit", "flux2-klein-edit", "z-image-turbo", "sdxl")
"""The same for stills: first those that take the theme picture, where there is one."""
MUSIC = "ace-step"
"""The same for music."""


def chain_of(library: Library, names: Sequence[str]) -> tuple[Workflow | None, ...]:
    """The workflows of a setting, in order; None for the builtin renderer. Empty: the preferred ones.

    Raises Permanent("workflow_unknown", "workflow_invalid", "workflow_unsupported").
    """
    if not names:
        found = [library.get(name) for name in PREFERRED if name in library.workflows]
        return (*found, None)
    return tuple(None if name == BUILTIN else _clips(library.get(name)) for name in names)


def _clips(workflow: Workflow) -> Workflow:
    if workflow.output.media != "video" or workflow.task not in CLIP_TASKS:
        hint = "Name one that is for `animate` or `performance`: `beatloom workflows list` shows them."
        raise Permanent("workflow_unsupported", f"{workflow.name} makes no clips of shots.", hint=hint)
    return workflow


def stills_of(library: Library, names: Sequence[str]) -> tuple[Workflow, ...]:
    """The workflows for stills of a setting, in order. Empty: the preferred ones. Raises as `chain_of`."""
    if not names:
        return tuple(library.get(name) for name in STILLS if name in library.workflows)
    return tuple(_pictures(library.get(name)) for name in names)


def _pictures(workflow: Workflow) -> Workflow:
    if workflow.output.media != "image" or workflow.task not in ("imagine", "edit", "selftest"):
        hint = "Name one that is for `imagine` or `edit`: `beatloom workflows list` shows them."
        raise Permanent("workflow_unsupported", f"{workflow.name} makes no stills.", hint=hint)
    return workflow


def speaking(library: Library, name: str) -> Workflow:
    """The workflow of a setting. Raises Permanent (workflow_unknown, workflow_invalid, workflow_unsupported)."""
    workflow = library.get(name)
    if workflow.output.media != "audio" or not workflow.takes("text"):
        hint = "It has to take BEATLOOM_TEXT and to save a sound: see docs/scripts.md."
        raise Permanent("workflow_unsupported", f"{name} doesn't speak.", hint=hint)
    return workflow


def scoring(library: Library, name: str = "") -> Workflow | None:
    """The workflow for music of a setting. Empty: the preferred one, None where it can't be used.

    Raises as `speaking`.
    """
    if not name and MUSIC not in library.workflows:
        return None
    workflow = library.get(name or MUSIC)
    if workflow.output.media != "audio" or not workflow.takes("prompt"):
        hint = "It has to take BEATLOOM_PROMPT and to save a sound: see docs/scripts.md."
        raise Permanent("workflow_unsupported", f"{workflow.name} makes no music.", hint=hint)
    return workflow


def with_continuations(library: Library, chain: Sequence[Workflow | None]) -> dict[str, Workflow]:
    """The workflows of a chain by name, and those that go on where one of them ends."""
    found: dict[str, Workflow] = {}
    left = [workflow for workflow in chain if workflow is not None]
    while left:
        workflow = left.pop()
        if workflow.name not in found:
            found[workflow.name] = workflow
            left += [library.get(workflow.continue_with)] if workflow.continue_with else []
    return found


def suits(workflow: Workflow, *, picture: bool, sound: bool = True) -> bool:
    """Whether there is what the workflow can't do without."""
    return (picture or "image" not in workflow.needed) and (sound or "audio" not in workflow.needed)


def by_part(chain: Sequence[Workflow | None], *, performs: bool) -> list[Workflow | None]:
    """The chain for a scene in which the song is performed, or isn't: what is made for that first, then the rest.

    What comes after the builtin renderer stays where it is.
    """
    end = chain.index(None) if None in chain else len(chain)
    fits = [one for one in chain[:end] if one is not None and (one.task == "performance") == performs]
    others = [one for one in chain[:end] if one is not None and (one.task == "performance") != performs]
    return [*fits, *others, *chain[end:]]


def words_of(scene: Scene | Still) -> dict[str, str]:
    """The texts by parameter."""
    return {"prompt": scene.prompt, "negative": scene.negative_prompt}
