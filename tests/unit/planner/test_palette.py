"""Colours from the music."""

from __future__ import annotations

import pytest

from libs.contracts.analysis import Key
from services.planner.palette import Colour, section_palette, song_palette, to_hex

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


def test_sections_change_roles_and_not_colours() -> None:
    whole = song_palette(A_MINOR, 0.5, 0.3, 1)
    assert section_palette(whole, "chorus").ground == whole.low
    assert section_palette(whole, "bridge").accent == whole.mid
    assert section_palette(whole, "verse") == whole
