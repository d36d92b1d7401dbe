"""Jobs over a project: what they begin with, what they order, and where they end."""

import msgspec
import pytest

from libs.contracts.facts import Fact, JobCompleted, JobFailed
from libs.contracts.jobs import JobKind, State
from libs.contracts.tasks import Animate, Compose, Task
from services.ingest.apply import apply
from services.ingest.brief import Given, Wanted
from services.ingest.decide import Decision, GiveUp, Order, settle
from services.ingest.state import RunState
from services.ingest.webhooks.records import Target
from tests.storyboards import shot
from tests.unit.ingest.story import NOW, blob, brief, broke, done, fact, pictured, result, still

PLANNED = {"analyze": result("analyze"), "plan": result("plan")}
DRAWN = PLANNED | {f"animate.s00{number}": result(f"animate.s00{number}") for number in (1, 2, 3)}


def run(kind: JobKind, given: Given, *happened: Fact) -> tuple[RunState, list[Decision]]:
    """The state after these facts, and all that was decided on the way."""
    order = msgspec.structs.replace(brief(), kind=kind, given=given)
    told = Target(task="notify", webhook_id="msg_j1_1", url="https://example.org")
    state, decided = settle(RunState(brief=order, run=1, opened_at=NOW, targets=(told,)), NOW)
    for it in happened:
        state, more = settle(apply(state, it), NOW)
        decided += more
    return state, decided


def tasks(decided: list[Decision]) -> dict[str, Task]:
    """What was ordered, by key."""
    return {it.task.task: it.task for it in decided if isinstance(it, Order)}


def test_a_storyboard_ends_with_the_plan() -> None:
    state, decided = run("storyboard", Given(), done("analyze"), done("plan"))
    assert list(tasks(decided)) == ["analyze", "plan", "notify"]
    assert state.stage is State.COMPLETED
    assert state.ending is not None
    assert state.ending.body == JobCompleted()


def test_what_is_there_is_not_ordered() -> None:
    _, decided = run("full", Given(made=DRAWN))
    assert set(tasks(decided)) == {"mix", "compose"}
    body = tasks(decided)["compose"].body
    assert isinstance(body, Compose)
    assert [clip.scene_id for clip in body.clips] == ["s001", "s002", "s003"]
    assert body.storyboard == blob("board")


def test_an_export_makes_what_is_missing() -> None:
    made = {key: body for key, body in DRAWN.items() if key != "animate.s002"}
    state, decided = run("export", Given(made=made))
    assert set(tasks(decided)) >= {"mix", "animate.s002"}
    assert not {"analyze", "plan", "animate.s001", "animate.s003"} & set(tasks(decided))
    assert state.scenes == (2, 3)
    state, decided = run("export", Given(made=made), done("animate.s002"), done("compose"))
    assert state.stage is State.COMPLETED


def test_takes_are_made_beside_each_other_and_nothing_else() -> None:
    wanted = {
        "animate.s002.1": Wanted(shot=shot(2)),
        "animate.s002.2": Wanted(shot=shot(2), image=blob("own picture")),
        "animate.s003.1": Wanted(shot=shot(3), clip=blob("own clip")),
    }
    given = Given(made=DRAWN, takes=wanted)
    state, decided = run("takes", given)
    ordered = tasks(decided)
    assert list(ordered) == list(wanted)
    assert all(task.priority == "high" for task in ordered.values())
    bodies = [task.body for task in ordered.values()]
    assert [(body.image, body.clip) for body in bodies if isinstance(body, Animate)] == [
        (None, None),
        (blob("own picture"), None),
        (None, blob("own clip")),
    ]
    assert state.scenes == (0, 3)
    state, decided = run("takes", given, *(done(key) for key in wanted))
    assert state.stage is State.COMPLETED
    assert state.scenes == (3, 3)
    assert list(tasks(decided)) == [*wanted, "notify"]


def test_a_take_that_fails_for_good_fails_its_job() -> None:
    given = Given(made=DRAWN, takes={"animate.s002.1": Wanted(shot=shot(2))})
    state, decided = run("takes", given, broke("animate.s002.1", code="bad_image", retryable=False))
    assert any(isinstance(it, GiveUp) for it in decided)
    assert state.ending is not None
    assert isinstance(state.ending.body, JobFailed)


def test_only_stills_of_missing_shots_are_made() -> None:
    board = msgspec.structs.replace(
        result("plan"), shots=(pictured(1, "p1"), pictured(2, "p2")), stills=(still("p1"), still("p2"))
    )
    given = Given(made={"analyze": result("analyze"), "plan": board, "animate.s001": result("animate.s001")})
    _, decided = run("full", given)
    assert set(tasks(decided)) == {"mix", "imagine.p2"}
    _, decided = run("full", given, fact("imagine.p2", result("imagine.p2")))
    body = tasks(decided)["animate.s002"].body
    assert isinstance(body, Animate)
    assert body.still == blob("still p2")


def test_a_lost_clip_that_was_given_is_made_again() -> None:
    missing = broke("compose", code="input_missing", missing=blob("clip s002").sha256)
    state, decided = run("full", Given(made=DRAWN), missing)
    assert "animate.s002" in tasks(decided)
    assert state.outcome("animate.s002") is None
    state, decided = run("full", Given(made=DRAWN), missing, done("animate.s002", make=" again"))
    composed = [it.task for it in decided if isinstance(it, Order) and it.task.task == "compose"]
    assert [task.attempt for task in composed] == [1, 2]
    last = composed[-1].body
    assert isinstance(last, Compose)
    assert blob("clip s002 again") in [clip.blob for clip in last.clips]


@pytest.mark.parametrize("lost", ["board", "analysis"])
def test_what_a_person_has_edited_is_never_made_anew(lost: str) -> None:
    missing = broke("compose", code="input_missing", missing=blob(lost).sha256)
    state, decided = run("full", Given(made=DRAWN), missing)
    assert not {"analyze", "plan"} & set(tasks(decided))
    assert state.stage is State.FAILED
