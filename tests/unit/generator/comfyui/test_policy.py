"""What is tried next: only a bad result wants another seed, and nothing is tried for ever."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.generator.comfyui.errors import (
    ComfyError,
    MissingInput,
    MissingModel,
    OutputGone,
    PromptLost,
    Unreachable,
)
from services.generator.comfyui.lease import EndedAttempt
from services.generator.comfyui.library import CANARY, load_library
from services.generator.comfyui.policy import ATTEMPTS, MOST, BadOutput, CalledOff, Stalled, code_of, next_attempt

WORKFLOW = load_library().get(CANARY)
WHERE = {"node_id": "1", "class_type": "LoadImage", "input": "image"}
NOT_THE_SEEDS_FAULT = [
    MissingInput("a.png", kind="custom_validation_failed", **WHERE),
    OutputGone("out.mp4"),
    PromptLost("vanished"),
    Unreachable("silent", after=60.0, reached=True),
    Stalled("no step"),
    CalledOff(),
]


def ended(error: ComfyError, server: str = "a") -> EndedAttempt:
    return EndedAttempt(
        server=server,
        workflow=WORKFLOW.name,
        profile="full",
        vram=0,
        code=code_of(error),
        message=str(error),
        at=datetime(2026, 1, 2, tzinfo=UTC),
        infrastructure=error.infrastructure,
    )


@pytest.mark.parametrize("error", NOT_THE_SEEDS_FAULT, ids=lambda error: type(error).__name__)
def test_only_what_came_out_bad_wants_another_seed(error: ComfyError) -> None:
    plan = next_attempt(WORKFLOW, [ended(error), ended(BadOutput("black"))], "work")
    assert plan is not None
    assert plan.seed_shift == 1


def test_three_count_and_those_that_do_not_have_an_end_too() -> None:
    no = MissingModel("m.safetensors", "vae", kind="value_not_in_list", **WHERE)
    refused = [ended(no, f"server{number}") for number in range(MOST)]
    assert next_attempt(WORKFLOW, refused[:-1], "work") is not None
    assert next_attempt(WORKFLOW, refused, "work") is None
    assert (
        next_attempt(WORKFLOW, [ended(CalledOff()), *[ended(BadOutput("black"))] * (ATTEMPTS - 1)], "w") is not None
    )
    assert next_attempt(WORKFLOW, [ended(BadOutput("black"))] * ATTEMPTS, "work") is None


def test_a_server_that_has_lost_a_file_is_left_for_another_one() -> None:
    plan = next_attempt(WORKFLOW, [ended(NOT_THE_SEEDS_FAULT[0], "a")], "work")
    assert plan is not None
    assert plan.excluded == {"a"}
