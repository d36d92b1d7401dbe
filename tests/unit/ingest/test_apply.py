"""apply is a merge: any order of the same facts, with duplicates, ends in the same state."""

from datetime import timedelta
from functools import reduce

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.facts import Fact, FactBody, JobCancelled, JobCompleted, JobFailed, TakeRendered
from libs.contracts.jobs import State
from services.ingest.apply import apply, record_order
from services.ingest.state import Ordered, RunState
from tests.unit.ingest.story import NOW, TASKS, blob, broke, done, fact, new_run, result

COMPLETED = JobCompleted(video=blob("video"), report=blob("report"), poster=blob("poster"))
ENDS: tuple[FactBody, ...] = (
    COMPLETED,
    JobFailed(code="unexpected", message="It broke."),
    JobCancelled(reason="enough"),
)


def facts() -> st.SearchStrategy[Fact]:
    """Facts of a run, sensible and not: late, of other runs, two that claim one identity, terminal ones."""
    attempts = st.integers(1, 4)
    runs = st.sampled_from([1, 1, 1, 2])
    seconds = st.integers(0, 3).map(float)
    successes = st.builds(
        lambda task, attempt, make, run, after: fact(
            task, result(task, make=make), attempt=attempt, run=run, after_s=after
        ),
        st.sampled_from([*TASKS, "notify", "animate.s009"]),
        attempts,
        st.sampled_from(["", "x"]),
        runs,
        seconds,
    )
    failures = st.builds(
        lambda task, attempt, missing, run: broke(
            task, attempt=attempt, missing=missing, run=run, code="input_missing"
        ),
        st.sampled_from(TASKS),
        attempts,
        st.sampled_from(["", blob("analysis").sha256]),
        runs,
    )
    nonsense = st.builds(lambda task: fact(task, result("analyze")), st.sampled_from(["compose", "", "what.ever"]))
    ends = st.builds(lambda body, after: fact("", body, attempt=0, after_s=after), st.sampled_from(ENDS), seconds)
    return successes | failures | nonsense | ends


def ordered() -> RunState:
    """A run with orders, one of them anew, which facts meet in any order."""
    state = new_run()
    for seq, task in enumerate(TASKS, start=1):
        state = record_order(state, task, 1, Ordered(seq=seq, at=NOW))
    return record_order(state, "animate.s001", 2, Ordered(seq=7, at=NOW, anew=True))


@given(st.lists(facts(), max_size=25), st.randoms(use_true_random=False))
def test_order_and_duplicates_do_not_matter(happened: list[Fact], random: object) -> None:
    shuffled = happened + happened[: len(happened) // 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    assert reduce(apply, shuffled, ordered()) == reduce(apply, happened, ordered())


@given(st.lists(facts(), max_size=25), facts())
def test_applying_twice_is_applying_once(happened: list[Fact], last: Fact) -> None:
    once = apply(reduce(apply, happened, ordered()), last)
    assert apply(once, last) == once


@given(st.lists(facts(), max_size=25))
def test_every_state_can_be_looked_at(happened: list[Fact]) -> None:
    state = reduce(apply, happened, ordered())
    done_scenes, total = state.scenes
    assert 0 <= done_scenes <= total
    assert state.stage.ended == (state.ending is not None)
    assert (state.error is None) == (state.stage not in (State.FAILED, State.CANCELLED))
    assert list(state.failures) == list(state.failures)
    assert set(state.entered) <= {State.ANALYZING, State.PLANNING, State.GENERATING, State.COMPOSING}


def test_a_success_wins_over_failures_whenever_it_comes() -> None:
    for happened in ([broke("plan"), done("plan", attempt=2)], [done("plan", attempt=2), broke("plan", attempt=3)]):
        winner = reduce(apply, happened, ordered()).task("plan").winner
        assert winner is not None
        assert winner.attempt == 2


def test_of_two_successes_the_lowest_attempt_counts() -> None:
    second, first = done("plan", attempt=2, make="x"), done("plan", attempt=1)
    state = reduce(apply, [second, first], ordered())
    assert state.task("plan").winner == first


def test_what_was_made_before_a_task_was_ordered_anew_does_not_count() -> None:
    state = apply(ordered(), done("animate.s001"))
    assert state.result("animate.s001", TakeRendered) is None
    state = apply(state, done("animate.s001", attempt=2, make="x"))
    take = state.result("animate.s001", TakeRendered)
    assert take is not None
    assert take.clip.blob == blob("clip s001x")


def test_a_take_may_come_before_the_storyboard() -> None:
    early = apply(new_run(), done("animate.s002"))
    assert early.scenes == (0, 0)
    assert apply(early, done("plan")).scenes == (1, 3)


@pytest.mark.parametrize("stray", [done("analyze", run=2), done("analyze", run=0), done("analyze", job_id="other")])
def test_facts_of_other_runs_change_nothing(stray: Fact) -> None:
    assert apply(ordered(), stray) == ordered()


def test_facts_under_a_wrong_task_change_nothing() -> None:
    assert apply(ordered(), fact("compose", result("analyze"))) == ordered()
    assert apply(ordered(), broke("nothing.known")) == ordered()


@pytest.mark.parametrize("body", ENDS)
def test_after_the_end_only_results_change(body: FactBody) -> None:
    ended = apply(ordered(), fact("", body, attempt=0))
    later = reduce(apply, [done("analyze"), broke("plan"), done("compose")], ended)
    assert later.ending == ended.ending
    assert later.stage is ended.stage
    assert later.task("analyze").winner is not None


def test_two_ends_have_a_fixed_rank() -> None:
    ends = [fact("", body, attempt=0) for body in ENDS]
    assert reduce(apply, ends, new_run()).stage is State.COMPLETED
    assert reduce(apply, reversed(ends), new_run()).stage is State.COMPLETED
    assert reduce(apply, ends[1:], new_run()).stage is State.CANCELLED


def test_of_two_facts_with_one_identity_the_earlier_counts() -> None:
    first = done("plan")
    later = msgspec.structs.replace(done("plan", make="x"), at=NOW + timedelta(seconds=1))
    assert apply(apply(new_run(), later), first).task("plan").winner == first


def test_the_stage_is_the_furthest_that_was_ordered() -> None:
    assert new_run().stage is State.QUEUED
    state = record_order(new_run(), "plan", 1, Ordered(seq=1, at=NOW))
    state = record_order(state, "analyze", 2, Ordered(seq=2, at=NOW, anew=True))
    assert state.stage is State.PLANNING
