"""The looks by name, and which one draws a shot. Each look is one module here, found by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from libs.contracts.looks import LookEntry
from services.generator.builtin.looks.stage import Drawing, Stage

FALLBACK = "silk"
"""Needs nothing but a palette."""


@dataclass(frozen=True)
class Look:
    """A look: what it is, and what draws it."""

    entry: LookEntry
    make: Callable[[Stage], Drawing]


@cache
def all_looks() -> dict[str, Look]:
    """Every module of this package that has a `LOOK`, by the look's name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    looks = [Look(module.LOOK, module.make) for module in modules if hasattr(module, "LOOK")]
    return {look.entry.name: look for look in sorted(looks, key=lambda look: look.entry.name)}


def choose(name: str, stage: Stage) -> str:
    """The name of the look that draws a scene: the one asked for, or its stand-in where it can't be drawn."""
    looks = all_looks()
    tried: set[str] = set()
    while name in looks and name not in tried:
        if _fits(looks[name].entry, stage):
            return name
        tried.add(name)
        name = looks[name].entry.stand_in
    return FALLBACK


def make(name: str, stage: Stage) -> Drawing:
    """The look, ready to draw. Raises KeyError for an unknown name."""
    return all_looks()[name].make(stage)


def _fits(entry: LookEntry, stage: Stage) -> bool:
    here = {
        "picture": stage.picture is not None,
        "subject": stage.subject is not None,
        "text": bool(stage.text),
        "words": bool(stage.words),
    }
    return all(here[need] for need in entry.needs)
