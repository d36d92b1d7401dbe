"""What is asked of a workflow, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from libs.contracts.errors import Permanent
from services.generator.comfyui.binding import Values, request_digest
from services.generator.comfyui.lease import EndedAttempt
from services.generator.comfyui.limits import fit_size
from services.generator.comfyui.uploads import Inputs
from services.generator.comfyui.workflow import Workflow

PRIOR_S = 60.0
"""What 81 frames of 832 x 480 are thought to take."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a workflow."""

    work: str
    """Names it, the same over all deliveries of its task."""
    group: str
    """The job."""
    workflow: Workflow
    values: Values
    """All but files and the seed; width and height as wanted, fitted to the profile's limits when it is sent."""
    files: Mapping[str, Path]
    """Pictures and sounds by parameter."""
    seed: int
    frames: int
    """That the file must have at least; 1 for a still. Of a sound: as many as would go with it, about."""
    since: float = msgspec.field(default_factory=time.monotonic)
    """When it was first asked for here: who has failed once waits no longer for it."""

    @property
    def size(self) -> str:
        """By which what is learned of a workflow is told apart."""
        return f"{self.values.get('width', 0)}x{self.values.get('height', 0)}x{self.frames}"

    @property
    def prior_s(self) -> float:
        """Seconds that it may take, before anything is known: in proportion to its pixels."""
        width, height = (float(self.values.get(side) or 512) for side in ("width", "height"))
        return PRIOR_S * max(self.frames, 4) * width * height / (81 * 832 * 480)


def values_of(request: Request, profile: str, seed: int) -> dict[str, str | int | float]:
    """All values but the files, as a profile takes them."""
    values = {**request.values, "seed": seed}
    width, height = values.get("width"), values.get("height")
    if isinstance(width, int) and isinstance(height, int):
        values["width"], values["height"] = fit_size(request.workflow.limits_of(profile), width, height)
    return values


def digest_of(request: Request, inputs: Inputs, profile: str) -> str:
    """A digest of all that is asked for. Raises Permanent for what the workflow doesn't take."""
    files = {parameter: file.sha256 for parameter, file in inputs.items()}
    return request_digest(request.workflow, {**values_of(request, profile, request.seed), **files}, profile=profile)


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is of use."""

    path: Path
    seed: int
    server: str
    ended: tuple[EndedAttempt, ...]
    """The attempts before it."""


class Exhausted(Permanent):
    """The workflow has had its attempts. `ended`: their history; `detail`: the same for operators."""

    def __init__(self, workflow: Workflow, ended: tuple[EndedAttempt, ...]) -> None:
        last = ended[-1]
        super().__init__(last.code, f"{workflow.title}: given up after {len(ended)} attempts.")
        self.ended = ended
        self.detail = "\n".join(f"{one.at:%H:%M:%S} {one.server} {one.code}: {one.message}" for one in ended)
