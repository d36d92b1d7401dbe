"""A sick server is taken out, and comes back only through a canary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.generator.comfyui.breaker import ANSWER_S, FIRST_PAUSE_S, LONGEST_PAUSE_S, Breaker, State, Step


def out(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        breaker.failed(now)
    return breaker


def state(breaker: Breaker) -> State:
    return breaker.state


def test_three_failures_in_five_minutes_take_it_out() -> None:
    breaker = Breaker()
    breaker.failed(0.0)
    breaker.failed(200.0)
    breaker.failed(301.0)
    assert state(breaker) is State.WORKING, "the first was too long ago"
    breaker.failed(400.0)
    assert state(breaker) is State.OUT


def test_a_canary_lets_it_in_again() -> None:
    breaker = out()
    assert breaker.next(FIRST_PAUSE_S - 1, idle=True) is None
    assert breaker.next(FIRST_PAUSE_S, idle=True) is Step.CANARY
    assert breaker.next(FIRST_PAUSE_S, idle=True) is None, "one at a time"
    breaker.canaried(20.0, well=True)
    assert state(breaker) is State.WORKING
    breaker.failed(21.0)
    assert state(breaker) is State.WORKING, "the old failures are forgiven"


def test_it_waits_longer_after_each_canary_that_dies() -> None:
    breaker, now, pauses = out(), 0.0, []
    for _ in range(8):
        began = now
        while breaker.next(now, idle=True) is None:
            now += 1.0
        pauses.append(now - began)
        breaker.canaried(now, well=False)
        assert state(breaker) is State.OUT
    assert pauses == [15, 30, 60, 120, 240, 300, 300, 300]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_a_canary_that_never_answers_has_died() -> None:
    breaker = out()
    breaker.next(100.0, idle=True)
    assert breaker.next(100.0 + ANSWER_S, idle=True) is None
    assert state(breaker) is State.OUT
    breaker.canaried(500.0, well=True)
    assert state(breaker) is State.OUT, "too late"


def test_it_is_recycled_after_enough_prompts() -> None:
    breaker = Breaker(recycle_after=3)
    for now in range(3):
        assert state(breaker) is State.WORKING
        breaker.ended(float(now))
    assert state(breaker) is State.DRAINING
    assert breaker.next(3.0, idle=False) is None
    assert breaker.next(4.0, idle=True) is Step.FREE
    assert breaker.freed(5.0, well=True) is Step.CANARY
    breaker.canaried(6.0, well=True)
    assert (breaker.state, breaker.prompts) == (State.WORKING, 0)


def test_it_is_recycled_over_the_memory_limit_but_not_after_each_prompt() -> None:
    breaker = Breaker(recycle_after=0)
    for now in range(9):
        breaker.ended(float(now), memory=0.99)
    assert state(breaker) is State.WORKING
    breaker.ended(10.0, memory=0.5)
    assert state(breaker) is State.WORKING
    breaker.ended(11.0, memory=0.96)
    assert state(breaker) is State.DRAINING


def test_freeing_that_fails_takes_it_out() -> None:
    breaker = Breaker(recycle_after=1)
    breaker.ended(0.0)
    breaker.next(0.0, idle=True)
    assert breaker.freed(1.0, well=False) is None
    assert state(breaker) is State.OUT
    assert breaker.freed(2.0, well=True) is None


EVENTS = st.sampled_from(["failed", "ended", "next", "freed", "bad free", "canaried", "bad canary", "wait"])


@given(events=st.lists(EVENTS, max_size=60))
def test_it_is_never_let_in_without_a_canary_and_never_lost(events: list[str]) -> None:
    breaker, now, canary = Breaker(recycle_after=5), 0.0, False
    for event in events:
        before, now = breaker.state, now + 1.0
        match event:
            case "failed":
                breaker.failed(now)
            case "ended":
                breaker.ended(now)
            case "next":
                canary |= breaker.next(now, idle=True) is Step.CANARY
            case "freed" | "bad free":
                canary |= breaker.freed(now, well=event == "freed") is Step.CANARY
            case "canaried" | "bad canary":
                breaker.canaried(now, well=event == "canaried")
            case "wait":
                now += LONGEST_PAUSE_S
        if breaker.state is State.WORKING and before is not State.WORKING:
            assert canary
            assert event == "canaried"
            canary = False
    for _ in range(5):
        now += LONGEST_PAUSE_S
        step = breaker.next(now, idle=True)
        if step is Step.FREE:
            step = breaker.freed(now, well=True)
        if step is Step.CANARY:
            breaker.canaried(now, well=True)
    assert state(breaker) is State.WORKING
