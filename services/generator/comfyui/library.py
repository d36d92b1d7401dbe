"""The workflows that there are: those of this repository and a user's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from libs.contracts.errors import BeatloomError, Permanent
from services.generator.comfyui.binding import read_binding
from services.generator.comfyui.graph import LARGEST, invalid, read_graph
from services.generator.comfyui.titles import workflow_by_titles
from services.generator.comfyui.workflow import Task, Workflow

SHIPPED = Path(__file__).resolve().parents[3] / "comfyui-workflows"
CANARY = "canary"
SELFTEST = "selftest"


class Library:
    """Workflows by name. A user's own with a name of ours takes its place."""

    def __init__(self, workflows: Mapping[str, Workflow], refused: Mapping[str, BeatloomError]) -> None:
        self.workflows = dict(sorted(workflows.items()))
        self.refused = dict(sorted(refused.items()))
        """Why a file of the user's folder is no workflow, by its name."""

    def get(self, name: str) -> Workflow:
        """The workflow of that name.

        Raises Permanent("workflow_unknown"), or for a user's file that was refused the reason.
        """
        if name in self.refused:
            raise self.refused[name]
        if name not in self.workflows:
            known = ", ".join(self.workflows)
            raise Permanent("workflow_unknown", f"There is no workflow {name}.", hint=f"There are: {known}.")
        return self.workflows[name]

    def of_task(self, task: Task) -> list[Workflow]:
        """All workflows for a task, by name."""
        return [workflow for workflow in self if workflow.task == task]

    def __iter__(self) -> Iterator[Workflow]:
        return iter(self.workflows.values())


def load_library(own: Path | None = None, *, shipped: Path = SHIPPED) -> Library:
    """Read the shipped workflows and those in a user's folder.

    A graph NAME.json with a binding NAME.toml beside it is bound by that; a user's graph without one by its titles.
    Raises Permanent("workflow_invalid") for a shipped file; what is wrong with a user's is kept in `refused`.
    """
    workflows = {path.stem: read_workflow(path) for path in sorted(shipped.glob("*.json"))}
    refused: dict[str, BeatloomError] = {}
    if own is not None:
        if not own.is_dir():
            raise invalid(f"There is no folder {own}.")
        for path in sorted(own.glob("*.json")):
            workflows.pop(path.stem, None)
            try:
                workflows[path.stem] = read_workflow(path)
            except BeatloomError as error:
                refused[path.stem] = error
    while broken := _without_continuation(workflows):
        if own is None:
            raise next(iter(broken.values()))
        workflows = {name: workflow for name, workflow in workflows.items() if name not in broken}
        refused |= broken
    return Library(workflows, refused)


def _without_continuation(workflows: Mapping[str, Workflow]) -> dict[str, BeatloomError]:
    """Those that nothing continues, though they say so, and why."""
    broken: dict[str, BeatloomError] = {}
    for workflow in workflows.values():
        try:
            _check_continuation(workflow, workflows)
        except BeatloomError as error:
            broken[workflow.name] = error
    return broken


def _check_continuation(workflow: Workflow, workflows: Mapping[str, Workflow]) -> None:
    """Raise Permanent("workflow_invalid") unless what makes the next piece of a clip can."""
    name = workflow.continue_with
    if not name:
        return
    if name not in workflows:
        raise invalid(f"{workflow.name} is continued by {name}, which is not there.")
    if not workflows[name].takes("image") or workflows[name].output.media != "video":
        raise invalid(f"{workflow.name} is continued by {name}, which makes no clip from a picture.")


def read_workflow(path: Path) -> Workflow:
    """The workflow of a graph's file. Raises Permanent("workflow_invalid") with the reason."""
    try:
        graph = read_graph(_bytes_of(path))
        binding = path.with_suffix(".toml")
        text = _bytes_of(binding).decode("utf-8-sig") if binding.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise invalid(f"{path.name} can't be read: {error}.") from error
    return workflow_by_titles(path.stem, graph) if text is None else read_binding(path.stem, graph, text)


def _bytes_of(path: Path) -> bytes:
    """Raises OSError for what is no file, and Permanent for what is too large for any of ours."""
    if not path.is_file():
        raise OSError(f"{path.name} is no file")
    if path.stat().st_size > LARGEST:
        raise invalid(
            f"{path.name} has {path.stat().st_size / 1e6:.0f} MB; at most {LARGEST / 1e6:.0f} MB are read."
        )
    return path.read_bytes()
