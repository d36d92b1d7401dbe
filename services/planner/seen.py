"""Who is seen, and where, in a narrated video. Pure.

As all in it, this follows from a scene's own words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from libs.contracts.characters import Character
from libs.contracts.storyboard import Scene, Storyboard
from libs.storyboard.people import lead_of
from services.planner.parts import Part
from services.planner.prompts import still_prompt
from services.planner.seeds import derived
from services.planner.setting import Setting
from services.planner.stills import still_of

_ENERGY = 0.5
"""Of the places."""


def with_cast(
    scenes: Sequence[Scene], parts: Sequence[Part], characters: Sequence[Character], seed: int
) -> tuple[Scene, ...]:
    """The scenes with the characters who are seen in them: who is named in what is told, else about every second
    scene shows somebody. Nobody is seen in the title; nobody performs, as nothing is sung.

    scenes: the last ones are those of the parts.
    """
    seen = [*scenes]
    for number, part in enumerate(parts, len(scenes) - len(parts)):
        who = _who(part.text, characters, seed)
        if who:
            seen[number] = msgspec.structs.replace(seen[number], characters=(who,))
    return tuple(seen)


def _who(text: str, characters: Sequence[Character], seed: int) -> str:
    """The id of who is seen; "" for nobody."""
    for one in characters:
        if _names(text, one.name.strip()):
            return one.id
    drawn = derived(seed, "seen", text) % (2 * len(characters)) if characters else 0
    return characters[drawn].id if drawn < len(characters) else ""


def _names(text: str, name: str) -> bool:
    if not name:
        return False
    edge = r"\b" if " " in text else ""  # where writing has no spaces, words have no edges
    return re.search(f"{edge}{re.escape(name)}{edge}", text, re.IGNORECASE) is not None


def with_places(
    board: Storyboard, parts: Sequence[Part], characters: Sequence[Character], most: int, setting: Setting
) -> Storyboard:
    """The storyboard with a still for each place, `most` of them at most; every scene of a part names its own.

    The first characters have a place each, but for one place at least that is anybody's.
    """
    hosts = {one.id: number for number, one in enumerate(characters[: most - 1])}
    free = most - len(hosts)
    titles = len(board.scenes) - len(parts)
    places = [
        hosts[lead]
        if (lead := lead_of(scene)) in hosts
        else len(hosts) + derived(board.seed, "place", part.text) % free
        for scene, part in zip(board.scenes[titles:], parts, strict=True)
    ]
    stills = tuple(
        still_of(
            board,
            place,
            _prompt(setting, place),
            characters[place] if place < len(hosts) else None,
        )
        for place in sorted({*places})
    )
    scenes = [
        msgspec.structs.replace(scene, still=f"p{place + 1}")
        for scene, place in zip(board.scenes[titles:], places, strict=True)
    ]
    return msgspec.structs.replace(board, scenes=(*board.scenes[:titles], *scenes), stills=stills)


def _prompt(setting: Setting, place: int) -> str:
    return still_prompt(setting.options, _ENERGY, setting.palette, place, setting.seed, has_image=setting.pictured)
