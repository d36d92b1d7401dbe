"""What is tried next after attempts that gave nothing: three for a workflow, by why the last ones ended. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from services.generator.comfyui import errors
from services.generator.comfyui.lease import EndedAttempt
from services.generator.comfyui.workflow import Workflow

ATTEMPTS = 3
MOST = 100
"""Attempts in all, those that don't count included."""
CALLED_OFF = "job_cancelled"
UNCOUNTED = ("workflow_missing_model", "workflow_unsupported", "workflow_invalid", CALLED_OFF)
"""The server said no before anything ran, which counts against the server alone; or we did not want it any more."""
OUT_OF_MEMORY, BAD_OUTPUT = "gpu_out_of_memory", "gpu_bad_output"
ELSEWHERE = ("gpu_unreachable", "gpu_lost", "gpu_stalled", "gpu_failed", BAD_OUTPUT)
"""The same server is not tried again for this work, while there is another. What came out bad may be the seed's
fault or the server's; one that makes nothing is soon done, and would be given all three attempts."""
WAIT_S, LONGEST_WAIT_S = 1.0, 30.0


class Stalled(errors.ComfyError):
    """The prompt ran and got no further."""

    infrastructure = True


class CalledOff(errors.ComfyError):
    """Nobody wants it any more."""


class BadOutput(errors.ComfyError):
    """A file came, and it is of no use."""


class OverBudget(errors.ComfyError):
    """The task would cost more than it may."""


class Next(NamedTuple):
    """The next attempt."""

    seed_shift: int
    """Added to the seed: another one after each bad result."""
    profile: str
    """The profile that it needs; "" for any."""
    least_vram: int
    """Bytes of GPU memory."""
    excluded: frozenset[str]
    wait_s: float


def next_attempt(workflow: Workflow, ended: Sequence[EndedAttempt], jitter: str) -> Next | None:
    """What to do after these; None when the workflow has had its attempts. jitter: a text of the work's own."""
    mine = [one for one in ended if one.workflow == workflow.name]
    counted = [one for one in mine if one.code not in UNCOUNTED]
    if len(counted) >= ATTEMPTS or len(mine) >= MOST:
        return None
    profile, least_vram = _after_memory(workflow, [one for one in mine if one.code == OUT_OF_MEMORY])
    return Next(
        seed_shift=sum(one.code == BAD_OUTPUT for one in mine),
        profile=profile,
        least_vram=least_vram,
        excluded=frozenset(one.server for one in mine if one.code in ELSEWHERE),
        wait_s=_wait(sum(one.infrastructure for one in mine), jitter),
    )


def _after_memory(workflow: Workflow, out: Sequence[EndedAttempt]) -> tuple[str, int]:
    """The next smaller profile; after the smallest, a larger server in whatever profile."""
    if not out:
        return "", 0
    names, last = workflow.by_memory, out[-1]
    place = names.index(last.profile) if last.profile in names else len(names)
    if place + 1 < len(names):
        return names[place + 1], 0
    return "", last.vram + 1


def _wait(failures: int, jitter: str) -> float:
    if not failures:
        return 0.0
    spread = random.Random(f"{jitter}/{failures}").uniform(0.5, 1.0)  # noqa: S311  (no secret)
    return spread * min(LONGEST_WAIT_S, WAIT_S * 2.0 ** (failures - 1))


_CODES: tuple[tuple[type[errors.ComfyError], str], ...] = (
    (errors.MissingNode, "workflow_unsupported"),
    (errors.MissingModel, "workflow_missing_model"),
    (errors.MissingInput, "gpu_lost"),
    (errors.InvalidGraph, "workflow_invalid"),
    (errors.OutputGone, "gpu_lost"),
    (BadOutput, BAD_OUTPUT),
    (CalledOff, CALLED_OFF),
    (errors.OutOfMemory, OUT_OF_MEMORY),
    (errors.Interrupted, "gpu_interrupted"),
    (errors.PromptLost, "gpu_lost"),
    (errors.Unreachable, "gpu_unreachable"),
    (Stalled, "gpu_stalled"),
    (OverBudget, "budget_exceeded"),
)


def code_of(error: errors.ComfyError) -> str:
    """The code in the table of errors that stands for this one."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), "gpu_failed")
