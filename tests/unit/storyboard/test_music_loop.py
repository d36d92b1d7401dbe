"""Music that is shorter than its video: what of it is repeated, and where its beats are heard then."""

from __future__ import annotations

import msgspec
import pytest

from libs.contracts.analysis import Analysis, Beat, EnergyPoint
from libs.storyboard.music_loop import beats_on, loop_of
from tests.narrations import analysis_of, narration

HEARD = analysis_of(narration())


def beats(count: int, energy: tuple[float, ...] = ()) -> Analysis:
    """An analysis with a beat every half second, four to a bar."""
    return msgspec.structs.replace(
        HEARD,
        beats=tuple(Beat(time=0.5 * n, strength=1, downbeat=n % 4 == 0) for n in range(1, count)),
        energy=tuple(EnergyPoint(time=float(at), value=value) for at, value in enumerate(energy)),
    )


def test_short_music_is_repeated_from_bar_to_bar() -> None:
    loop = loop_of(20.5, beats(41))
    assert (loop.start, loop.end) == (2.0, 20.0)


def test_what_fades_in_or_out_is_not_repeated() -> None:
    energy = (0.05, 0.1, 0.1, *([0.8] * 14), 0.1, 0.05, 0.0, 0.0)
    loop = loop_of(20.5, beats(41, energy))
    assert (loop.start, loop.end) == (4.0, 16.0)


@pytest.mark.parametrize("heard", [None, HEARD])
def test_music_without_bars_is_repeated_as_a_whole(heard: Analysis | None) -> None:
    loop = loop_of(10.0, heard)
    assert (loop.end, loop.seam, loop.start) == (10.0, 1.0, 1.0)


def test_beats_go_on_with_the_music() -> None:
    heard = msgspec.structs.replace(beats(41), duration=20.3)
    assert list(beats_on(heard, 7.2)) == [0.5 * n for n in range(1, 15)]
    longer = list(beats_on(heard, 45.0))
    assert longer == [0.5 * n for n in range(1, 90)], "bars of two seconds are repeated from 2 s to 20 s"
    uneven = msgspec.structs.replace(heard, beats=heard.beats[:-1], duration=20.0)
    assert loop_of(20.0, uneven).end == 18.0
    assert list(beats_on(uneven, 30.0)) == [0.5 * n for n in range(1, 60)]
    assert list(beats_on(HEARD, 100.0)) == []
