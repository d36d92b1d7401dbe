"""The look of each scene: the cast that was asked for, playing the slots of the song. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from libs.contracts.analysis import Analysis
from libs.contracts.jobs import JobOptions, LyricsStyle
from libs.contracts.looks import LookEntry, catalogue, families, looks_by_name
from libs.picture.facts import PictureFacts
from services.planner.casting import Means, cast, is_type, possible
from services.planner.slots import slots_of
from services.planner.structure import Spot
from services.planner.words import known_words

OVER: dict[LyricsStyle, float] = {"auto": 3.5, "line": 6.0, "stack": 6.0, "sweep": 6.0}
"""What it is worth that lyrics can be set over a look."""


def means_of(analysis: Analysis, title: str, hook: str, picture: PictureFacts | None, lyrics: LyricsStyle) -> Means:
    """What there is to cast with; lyrics: how they are wanted."""
    shown = picture if picture is not None and picture.usable else None
    return Means(
        picture=shown is not None,
        short_side=shown.short_side if shown is not None else 0,
        detail=shown.detail if shown is not None else 0.0,
        subject=shown is not None and shown.subject,
        text=bool(hook),
        title=bool(title),
        words=bool(known_words(analysis)),
        steady=analysis.tempo.stable and analysis.tempo.bpm > 0,
        over=OVER.get(lyrics, 0.0),
    )


def choose_looks(spots: Sequence[Spot], means: Means, options: JobOptions, seed: int) -> list[LookEntry]:
    """The look of each scene: of the whole catalogue, of a family, or the one that was named."""
    if options.style in looks_by_name():
        return [looks_by_name()[options.style]] * len(spots)
    entries = company(options.style, means)
    slots = slots_of(spots, pictured=means.picture, typed=any(is_type(entry) for entry in entries))
    players = cast(spots, slots, entries, means, seed)
    return [players[slot] for slot in slots]


def company(style: str, means: Means) -> list[LookEntry]:
    """The looks that may play: those of the family, if `style` is one, that can be drawn with these means.

    Of a family none of which can be drawn, all: the renderer then draws their stand-ins.
    """
    whole = [entry for entry in catalogue() if style not in families() or entry.family == style]
    return [entry for entry in whole if possible(entry, means)] or whole
