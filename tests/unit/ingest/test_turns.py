"""Whose turn it is, and how many clips of one run lie before the workers."""

import random
from collections import Counter
from datetime import timedelta

import msgspec

from libs.contracts.facts import StoryboardPlanned
from services.ingest.apply import apply
from services.ingest.brief import Given
from services.ingest.decide import settle
from services.ingest.state import RunState
from services.ingest.turns import Caps, Waiting, next_of, places, rank_of
from tests.unit.ingest.story import NOW, broke, done, fact, new_run, result


def waiting(owner: str, number: int, *, rank: int = 1) -> Waiting:
    """A run that has waited for longer the lower its number is."""
    return Waiting(job_id=f"{owner}{number}", run=1, owner=owner, rank=rank, since=NOW + timedelta(seconds=number))


def test_classic_before_agentic_and_interactive_before_batch() -> None:
    ranks = [rank_of("takes", "batch"), rank_of("full", "interactive"), rank_of("full", "batch")]
    ranks += [rank_of("full", "interactive", agentic=True), rank_of("full", "batch", agentic=True)]
    assert ranks == [0, 0, 1, 2, 3]


def test_whoever_has_the_fewest_running_is_next_whatever_the_rank_and_the_wait() -> None:
    line = [waiting("ada", 1, rank=0), waiting("ada", 2), waiting("bob", 9)]
    assert next_of(line, {"ada": 1}, Caps(in_all=2)) == line[2]
    assert next_of(line, {"ada": 1, "bob": 1}, Caps(in_all=3)) == line[0]
    assert next_of(line, {"ada": 1, "bob": 1}, Caps(in_all=2)) is None
    assert next_of(line, {"ada": 1}, Caps(each=1)) == line[2]
    assert next_of(line[:2], {"ada": 1}, Caps(each=1)) is None
    assert next_of(line, {"ada": 99, "bob": 99}, Caps()) == line[0]
    assert next_of([], {}, Caps()) is None


def test_places_are_the_order_in_which_they_go() -> None:
    rng = random.Random(7)
    line = [waiting(rng.choice("abc"), number, rank=rng.randrange(2)) for number in range(60)]
    running = Counter({"a": 5, "d": 2})
    told = places(line, running, Caps(in_all=7))
    for place in range(1, 61):
        chosen = next_of(line, running, Caps())
        assert chosen is not None
        assert told[chosen.job_id] == place
        running[chosen.owner] += 1
        line.remove(chosen)


def test_where_only_users_have_a_cap_each_has_a_line_of_their_own() -> None:
    line = [waiting("ada", 1), waiting("ada", 2, rank=0), waiting("bob", 3)]
    assert places(line, {"ada": 3, "bob": 3}, Caps(each=3)) == {"ada2": 1, "ada1": 2, "bob3": 1}


def run_of(scenes: int, at_once: int, *given: str) -> RunState:
    """A run that has its plan. given: tasks that were done before it."""
    state = msgspec.structs.replace(new_run(), clips_at_once=at_once)
    made = {task: result(task) for task in given}
    brief = msgspec.structs.replace(state.brief, given=Given(made=made))
    state, _ = settle(msgspec.structs.replace(state, brief=brief), NOW)
    plan = result("plan", scenes=scenes)
    assert isinstance(plan, StoryboardPlanned)
    for it in (done("analyze"), fact("plan", plan)):
        state, _ = settle(apply(state, it), NOW)
    return state


def under_way(state: RunState) -> list[str]:
    """Clips that are ordered and not there."""
    begun = (key for key, task in state.tasks.items() if key.startswith("animate") and task.ordered)
    return sorted(key for key in begun if state.outcome(key) is None)


def test_only_so_many_clips_lie_before_the_workers_and_all_are_made_in_the_end() -> None:
    state, made = run_of(20, 3), 0
    while clips := under_way(state):
        assert len(clips) == min(3, 20 - made)
        state, _ = settle(apply(state, done(clips[-1])), NOW)
        made += 1
    assert made == 20
    assert state.task("compose").ordered
    assert len(under_way(run_of(20, 0))) == 20


def test_a_clip_that_is_tried_again_keeps_its_place() -> None:
    state = run_of(6, 2)
    first, second = under_way(state)
    state, _ = settle(apply(state, broke(first)), NOW)
    assert under_way(state) == [first, second]
    assert len(state.task(first).ordered) == 2


def test_clips_that_are_there_already_take_no_place() -> None:
    state = run_of(6, 2, *(f"animate.s{number:03}" for number in range(1, 5)))
    assert under_way(state) == ["animate.s005", "animate.s006"]
