"""Frame arithmetic is exact: nothing drifts and everything adds up."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import Permanent
from libs.contracts.jobs import ASPECTS
from libs.media.frames import fps_text, frame_at, frame_size, parse_fps

RATES = st.one_of(
    st.sampled_from([Fraction(n * 1000, 1001) for n in (24, 30, 60)]),
    st.integers(10, 60).map(Fraction),
    st.builds(Fraction, st.integers(10_000, 60_000), st.just(1000)),
)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("30", Fraction(30)),
        ("29.97", Fraction(30000, 1001)),
        ("29.970", Fraction(30000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("60", Fraction(60)),
        ("10", Fraction(10)),
    ],
)
def test_rates_as_people_write_them(text: str, rate: Fraction) -> None:
    assert parse_fps(text) == rate


@pytest.mark.parametrize(
    "text", ["", "0", "9.9", "61", "30/0", "-30", "3e1", "nan", "30 ", "30;rm", "30/1/1", "300/00"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(Permanent) as refused:
        parse_fps(text)
    assert refused.value.code == "bad_options"


@given(RATES)
def test_a_rate_survives_its_text(fps: Fraction) -> None:
    if fps.denominator <= 9999:
        assert parse_fps(fps_text(fps)) == fps


@given(RATES, st.integers(0, 10**6))
def test_a_frame_survives_its_time(fps: Fraction, frame: int) -> None:
    assert frame_at(float(frame / fps), fps) == frame


@given(RATES, st.lists(st.floats(0, 900), min_size=1, max_size=60))
def test_scenes_between_rounded_positions_add_up(fps: Fraction, times: list[float]) -> None:
    edges = [frame_at(time, fps) for time in sorted(times)]
    lengths = [after - before for before, after in pairwise(edges)]
    assert all(length >= 0 for length in lengths)
    assert edges[0] + sum(lengths) == edges[-1]
    assert all(
        abs(Fraction(edge) / fps - Fraction(time)) <= Fraction(1, 2) / fps
        for edge, time in zip(edges, sorted(times), strict=True)
    )


@given(st.sampled_from(sorted(ASPECTS)), st.integers(96, 2160))
def test_sizes_are_even_and_keep_the_aspect(aspect: str, height: int) -> None:
    width, high = frame_size(aspect, height)
    assert width % 2 == 0 and high % 2 == 0
    assert min(width, high) - height in (0, 1)
    assert abs(width - high * ASPECTS[aspect]) <= 2


def test_sizes_that_everybody_knows() -> None:
    assert frame_size("16:9", 1080) == (1920, 1080)
    assert frame_size("9:16", 1080) == (1080, 1920)
    assert frame_size("1:1", 1080) == (1080, 1080)
    assert frame_size("4:5", 1080) == (1080, 1350)
    assert frame_size("16:9", 480) == (854, 480)
    with pytest.raises(Permanent):
        frame_size("21:9", 1080)
