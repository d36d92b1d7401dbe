"""Colours from the music."""

from __future__ import annotations

import math
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.analysis import Key
from services.generator.builtin.paint.colour import oklab_of
from services.planner.palette import Colour, Ground, on_ground, song_palette, to_hex

A_MINOR = Key(tonic="A", mode="minor", confidence=1.0)
C_MAJOR = Key(tonic="C", mode="major", confidence=1.0)


def channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        (Colour(1.0, 0.0, 0.0), "#ffffff"),
        (Colour(0.0, 0.0, 0.0), "#000000"),
        (Colour(0.62796, 0.25768, 29.234), "#ff0000"),
        (Colour(0.86644, 0.29483, 142.495), "#00ff00"),
        (Colour(0.45201, 0.31321, 264.052), "#0000ff"),
    ],
)
def test_known_colours(colour: Colour, expected: str) -> None:
    for got, want in zip(channels(to_hex(colour)), channels(expected), strict=True):
        assert abs(got - want) <= 2


def test_a_colour_outside_srgb_is_toned_down_in_its_hue() -> None:
    red, green, blue = channels(to_hex(Colour(0.7, 0.5, 29.0)))
    assert red > 200
    assert red > green
    assert red > blue


def test_minor_is_bluer_than_major() -> None:
    red, _, blue = channels(song_palette(A_MINOR, 0.6, 0.3, 1).mid)
    assert blue > red - 40
    warm_red, _, warm_blue = channels(song_palette(C_MAJOR, 0.6, 0.3, 1).mid)
    assert warm_red > warm_blue


def test_a_bright_song_stands_on_a_light_ground() -> None:
    assert sum(channels(song_palette(A_MINOR, 0.5, 0.8, 1).ground)) > 600
    assert sum(channels(song_palette(A_MINOR, 0.5, 0.2, 1).ground)) < 150


def test_energy_makes_stronger_colours() -> None:
    def spread(energy: float) -> int:
        values = channels(song_palette(A_MINOR, energy, 0.3, 1).accent)
        return max(values) - min(values)

    assert spread(1.0) > spread(0.0) + 20


def test_grounds_change_roles_and_not_colours() -> None:
    whole = song_palette(A_MINOR, 0.5, 0.3, 1)
    colours = sorted(msgspec.structs.astuple(whole))
    turned = {ground: on_ground(whole, ground) for ground in get_args(Ground)}
    assert turned["own"] == whole
    assert (turned["flip"].ground, turned["tint"].ground) == (whole.light, whole.accent)
    assert len({palette.ground for palette in turned.values()}) == 4
    assert all(sorted(msgspec.structs.astuple(palette)) == colours for palette in turned.values())


@given(
    st.sampled_from(["C", "G", "D", "A", "E", "B", "F#", "C#", "Ab", "Eb", "Bb", "F"]),
    st.sampled_from(["major", "minor"]),
    st.floats(0.0, 1.0),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_no_colour_is_mud(tonic: str, mode: str, energy: float, bright: bool, seed: int) -> None:
    """Middle lightness is neither brown nor olive, and the inks are no greys."""
    palette = song_palette(Key(tonic=tonic, mode=mode, confidence=1.0), energy, 0.9 if bright else 0.1, seed)
    for role in ("low", "mid", "accent"):
        lightness, a, b = oklab_of(getattr(palette, role))
        chroma, hue = math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360.0
        assert chroma > (0.03 if role == "low" else 0.06), f"{role} is grey"
        assert lightness >= 0.645 or not 55.0 < hue < 160.0, f"{role} is mud"


def test_the_seed_turns_the_hues_a_little() -> None:
    assert len({song_palette(A_MINOR, 0.5, 0.3, seed) for seed in range(10)}) == 10
