"""When a server counts as dead: not after one refusal, not after a pause of our own, not in a silence."""

from __future__ import annotations

import httpx
import pytest

from services.generator.comfyui.errors import Unreachable
from services.generator.comfyui.refusals import LONGEST_PAUSE_S, REFUSED_S, Refusals
from services.generator.comfyui.transport import translated


def test_it_is_dead_after_ten_seconds_of_refusals() -> None:
    refusals, now, tries = Refusals(), 100.0, 0
    while not refusals.dead:
        refusals.refused(now)
        now += refusals.pause_s
        tries += 1
    assert REFUSED_S <= now - 100.0 <= REFUSED_S + 2 * LONGEST_PAUSE_S
    assert 5 <= tries <= 12


def test_it_is_asked_soon_at_first() -> None:
    refusals = Refusals()
    pauses = []
    for now in range(2000):
        refusals.refused(float(now))
        pauses.append(refusals.pause_s)
    assert pauses[:4] == [0.25, 0.5, 1.0, 2.0]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_a_pause_of_our_own_makes_no_refusal() -> None:
    refusals = Refusals()
    refusals.refused(0.0)
    refusals.refused(1000.0)
    assert not refusals.dead


def test_an_answer_and_a_silence_begin_it_anew() -> None:
    refusals = Refusals()
    for now in (0.0, 1.0, 2.0):
        refusals.refused(now)
    refusals.over()
    for now in (11.0, 12.0, 13.0):
        refusals.refused(now)
    assert not refusals.dead


def connecting(*causes: Exception) -> httpx.ConnectError:
    error = httpx.ConnectError("all attempts failed")
    error.__cause__ = causes[0] if len(causes) == 1 else ExceptionGroup("several addresses", list(causes))
    return error


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (connecting(ConnectionRefusedError()), True),
        (connecting(ConnectionRefusedError(), ConnectionRefusedError()), True),
        (connecting(ConnectionRefusedError(), OSError("no route to host")), False),
        (connecting(OSError("no such name")), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.ReadTimeout("slow"), False),
        (httpx.RemoteProtocolError("no answer"), True),
        (TimeoutError(), False),
    ],
)
async def test_what_says_that_nobody_is_there(error: Exception, refused: bool) -> None:
    with pytest.raises(Unreachable) as told:
        async with translated("a call", 1.0):
            raise error
    assert told.value.refused == refused
