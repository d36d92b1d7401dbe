"""What all scenes of a narrated video share. The words of the narration have no say in it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from libs.contracts.analysis import Analysis, Key
from libs.contracts.jobs import JobOptions
from libs.contracts.looks import MOTIFS, LookEntry, Motif, looks_by_name
from libs.contracts.storyboard import Palette
from libs.picture.facts import PictureFacts
from services.planner.casting import Means
from services.planner.looks import company
from services.planner.palette import picture_palette, song_palette
from services.planner.seeds import choice, unit
from services.planner.words import title_text

_KEYS = ("C", "G", "D", "A", "E", "B", "F#", "C#", "Ab", "Eb", "Bb", "F")
_COLOURFUL = 0.5
"""The energy that the palette is mixed for."""


class Setting(NamedTuple):
    """What is the same in all scenes."""

    options: JobOptions
    seed: int
    palette: Palette
    motif: Motif
    looks: tuple[LookEntry, ...]
    """Those that may play, at least one."""
    pictured: bool
    """Whether there is a theme picture that shows something."""


def setting_of(
    options: JobOptions, seed: int, picture: PictureFacts | None = None, bed: Analysis | None = None
) -> Setting:
    """picture: what is known of the theme picture. bed: the music under the voice."""
    shown = picture if picture is not None and picture.usable else None
    return Setting(
        options=options,
        seed=seed,
        palette=_palette(shown, bed, seed),
        motif=choice(MOTIFS, seed, "motif"),
        looks=_playing(options, shown),
        pictured=shown is not None,
    )


def _palette(picture: PictureFacts | None, bed: Analysis | None, seed: int) -> Palette:
    """The picture's colours, or else the music's, or those of the seed."""
    brightness = bed.brightness if bed is not None else 0.25 + 0.4 * unit(seed, "brightness")
    if picture is not None and not picture.grey:
        return picture_palette(picture, _COLOURFUL, brightness, seed)
    drawn = Key(tonic=choice(_KEYS, seed, "tonic"), mode=choice(("major", "minor"), seed, "mode"), confidence=0.0)
    return song_palette(bed.key if bed is not None else drawn, _COLOURFUL, brightness, seed)


def _playing(options: JobOptions, picture: PictureFacts | None) -> tuple[LookEntry, ...]:
    """No page for titles, and no look that is words itself, unless it was asked for."""
    if options.style in looks_by_name():
        return (looks_by_name()[options.style],)
    worded = options.style != "auto"
    means = Means(
        picture=picture is not None,
        short_side=picture.short_side if picture is not None else 0,
        detail=picture.detail if picture is not None else 0.0,
        subject=picture is not None and picture.subject,
        text=worded,
        title=bool(title_text(options.title)),
        words=worded,
    )
    looks = company(options.style, means)
    return tuple(look for look in looks if not look.titles) or tuple(looks)
