"""Running estimates: near the truth soon, unmoved by one strange render, quick to follow a lasting change."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from services.generator.comfyui.learned import MOST_KEYS, SWITCH_PRIOR_S, Figure, Learned


def test_without_history_it_is_the_prior() -> None:
    learned = Learned()
    assert learned.seconds("wan", "s", 42.0) == 42.0
    assert learned.speed("H100") == 1.0
    assert learned.switch("models") == SWITCH_PRIOR_S
    assert learned.switch("") == 0.0
    assert learned.gap("wan", "s", "H100") is None


def test_workflows_and_servers_are_told_apart() -> None:
    learned, chance = Learned(), random.Random(1)
    work, speed = {"wan": 2.0, "ltx": 0.5}, {"slow": 0.5, "fast": 3.0}
    for _ in range(60):
        workflow, cls = chance.choice(list(work)), chance.choice(list(speed))
        prior = chance.uniform(20, 120)
        took = prior * work[workflow] / speed[cls] * chance.lognormvariate(0, 0.1)
        learned.took(workflow, "s", cls, took, prior)
    for workflow, factor in work.items():
        for cls, fast in speed.items():
            expected = learned.seconds(workflow, "s", 100.0) / learned.speed(cls)
            assert expected == pytest.approx(100.0 * factor / fast, rel=0.2)


def test_a_new_size_begins_with_what_is_known_of_its_workflow() -> None:
    learned = Learned()
    for _ in range(20):
        learned.took("wan", "small", "gpu", 80.0, 20.0)
    assert learned.seconds("wan", "large", 100.0) / learned.speed("gpu") == pytest.approx(400.0, rel=0.1)


def test_one_strange_render_changes_little_and_a_lasting_change_is_followed() -> None:
    learned = Learned()
    for _ in range(30):
        learned.switched("models", 20.0)
    learned.switched("models", 2000.0)
    assert learned.switch("models") < 24.0
    for _ in range(25):
        learned.switched("models", 60.0)
    assert learned.switch("models") == pytest.approx(60.0, rel=0.25)


def test_the_gap_is_that_of_the_server_class_or_else_of_the_workflow() -> None:
    learned = Learned()
    for _ in range(10):
        learned.stepped("wan", "s", "slow", 20.0)
    learned.stepped("wan", "s", "fast", 2.0)
    assert learned.gap("wan", "s", "slow") == pytest.approx(20.0)
    assert learned.gap("wan", "s", "fast") == pytest.approx(2.0)
    other = learned.gap("wan", "s", "new")
    assert other is not None
    assert 5.0 < other <= 20.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_nonsense_is_not_learned(seconds: float) -> None:
    learned = Learned()
    learned.took("wan", "s", "gpu", seconds, 10.0)
    learned.switched("models", seconds)
    learned.stepped("wan", "s", "gpu", seconds)
    assert learned.seconds("wan", "s", 10.0) == 10.0
    assert learned.switch("models") == pytest.approx(SWITCH_PRIOR_S)
    assert learned.gap("wan", "s", "gpu") is None


def test_it_survives_being_written_down() -> None:
    learned = Learned()
    learned.took("wan", "s", "gpu", 30.0, 10.0)
    learned.switched("models", 50.0)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(learned), type=Learned)
    assert again == learned
    assert again.seconds("wan", "s", 10.0) == learned.seconds("wan", "s", 10.0)


def test_it_forgets_what_was_not_used_for_long() -> None:
    learned = Learned()
    for i in range(MOST_KEYS + 5):
        learned.switched(f"models{i}", 50.0)
    assert len(learned.switches) == MOST_KEYS
    assert learned.switch("models0") == SWITCH_PRIOR_S


def test_of_two_that_learned_the_one_that_has_seen_more_is_believed() -> None:
    mine, theirs = Learned(), Learned()
    for _ in range(5):
        mine.switched("a", 20.0)
        theirs.switched("b", 40.0)
    theirs.switched("a", 90.0)
    mine.take_over(theirs)
    assert mine.switch("a") == pytest.approx(20.0, rel=0.1)
    assert mine.switch("b") == pytest.approx(40.0, rel=0.1)
    mine.switched("b", 50.0)
    assert theirs.switches["b"].count == 5, "a copy was taken"


@pytest.mark.parametrize(
    "figure",
    [
        *(Figure(mean, count=99) for mean in (math.nan, math.inf, 1e9)),
        Figure(3.0, math.nan),
        Figure(3.0, 0.1, -1.0),
    ],
    ids=str,
)
def test_absurd_figures_of_others_are_left_alone(figure: Figure) -> None:
    mine = Learned()
    mine.take_over(Learned(switches={"a": figure}))
    assert mine.switch("a") == SWITCH_PRIOR_S
