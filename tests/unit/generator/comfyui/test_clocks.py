"""When a prompt counts as stalled: never while it gets on, never while we can't hear."""

from __future__ import annotations

import pytest

from services.generator.comfyui.clocks import LEAST_CEILING_S, StallClock, ceiling


def test_a_minute_when_nothing_is_known_and_five_gaps_when_steps_are_slow() -> None:
    clock = StallClock(since=100.0, gap=None)
    assert not clock.stalled(159.0)
    assert clock.stalled(160.0)
    slow = StallClock(since=100.0, gap=40.0)
    assert not slow.stalled(299.0)
    assert slow.stalled(300.0)


def test_loading_models_is_given_time_until_the_first_step() -> None:
    clock = StallClock(since=0.0, gap=2.0, switch=50.0)
    assert not clock.stalled(300.0)
    clock.progressed(300.0)
    assert clock.stalled(361.0)


def test_slow_but_alive_is_never_stalled() -> None:
    clock = StallClock(since=0.0, gap=1.0)
    for now in range(50, 50_000, 50):
        assert not clock.stalled(now)
        clock.progressed(now)
    assert clock.longest == 50.0


def test_silence_while_deaf_says_nothing() -> None:
    clock = StallClock(since=0.0, gap=None)
    clock.deaf(30.0)
    clock.deaf(500.0)
    assert not clock.stalled(10_000.0)
    clock.hears(10_000.0)
    assert not clock.stalled(10_029.0)
    assert clock.stalled(10_030.0)
    clock.deaf(10_030.0)
    clock.progressed(10_050.0)
    assert clock.due() == 10_110.0


def test_the_first_gap_is_not_learned_since_it_holds_the_load() -> None:
    clock = StallClock(since=0.0, gap=None, switch=60.0)
    clock.progressed(90.0)
    clock.progressed(94.0)
    assert clock.longest == 4.0


@pytest.mark.parametrize(("expected", "spread"), [(1.0, 0.1), (600.0, 0.15), (5000.0, 0.7)])
def test_the_ceiling_is_far_beyond_all_that_is_usual(expected: float, spread: float) -> None:
    assert ceiling(expected, spread) >= max(LEAST_CEILING_S, 10 * expected)
    assert ceiling(expected, spread, switch=100.0) > ceiling(expected, spread)
