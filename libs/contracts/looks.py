"""The catalogue of the builtin renderer's looks: what each one is, needs and suits. Known to whoever orders a look.

The entries stand in the look modules themselves; `make docs` writes them to looks.json, so that a service which
draws nothing can still choose and check.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Literal

import msgspec

Family = Literal["flow", "geometry", "land", "press", "photo", "cutout", "collage", "type"]
Need = Literal["picture", "subject", "text", "words"]
"""A theme picture; a subject in it that can be cut out; words to write large; lyrics with their times."""
Texture = Literal["flat", "soft", "line", "dots", "photo", "letters"]
Movement = Literal["drift", "beat", "bar"]
Motif = Literal["disc", "hexagon", "diamond", "arch"]
"""The one signature shape of a song."""

MOTIFS: tuple[Motif, ...] = ("disc", "hexagon", "diamond", "arch")


class LookEntry(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """A look as the planner and people see it."""

    name: str
    family: Family
    summary: str
    """One line for people: what is seen."""
    needs: tuple[Need, ...] = ()
    stand_in: str = ""
    """The look that is drawn where a need isn't met; it needs less. Empty for looks that need nothing."""
    mark: float
    """How good it is where it fits, 1..5, as judged by eye. Filler has 3."""
    energy: tuple[float, float] = (0.0, 1.0)
    """The span of a scene's energy that it suits."""
    sections: tuple[str, ...] = ()
    """Labels of the sections that it suits best; empty: any."""
    texture: Texture
    movement: Movement
    """What moves it most: time alone, the beat, or the bar. Songs whose beat doesn't hold get none of `beat`."""
    carries_type: bool = False
    """Lyrics may be set over it: calm enough, and with room."""
    titles: bool = False
    """It sets the scene's text, if there is one, as a title."""
    most_seconds: float = 0.0
    """After so long it wears out; 0: never."""
    least_pixels: int = 0
    """The shorter side that the theme picture must have."""
    least_detail: float = 0.0
    """The fine structure that it must have: .01 is a calm sky, .05 a busy street."""


@cache
def catalogue() -> tuple[LookEntry, ...]:
    """All looks, in the order of their names."""
    return tuple(msgspec.json.decode(_text(), type=list[LookEntry]))


@cache
def catalogue_digest() -> str:
    """The SHA-256 of the catalogue, as hex: it changes whenever a look does."""
    return sha256(_text()).hexdigest()


def _text() -> bytes:
    return (files("libs.contracts") / "looks.json").read_bytes()


@cache
def looks_by_name() -> dict[str, LookEntry]:
    """The looks by their names."""
    return {entry.name: entry for entry in catalogue()}


def families() -> tuple[str, ...]:
    """The families that have looks, in order of their names."""
    return tuple(sorted({entry.family for entry in catalogue()}))


def catalogue_json(entries: list[LookEntry]) -> str:
    """The text of looks.json."""
    ordered = sorted(entries, key=lambda entry: entry.name)
    return msgspec.json.format(msgspec.json.encode(ordered), indent=2).decode() + "\n"
