"""What a scene shows in words, for backends that draw from text. Pure."""

from __future__ import annotations

from libs.contracts.jobs import JobOptions
from libs.contracts.looks import families, looks_by_name
from libs.contracts.storyboard import Palette
from services.planner.colours import colour_name
from services.planner.seeds import derived

NEGATIVE = (
    "text, watermark, logo, signature, frame, border, blurry, low resolution, jpeg artifacts, "
    "deformed hands, extra fingers, distorted face"
)
_PLACES = {
    "intro": "establishing shot, wide, quiet opening",
    "verse": "medium shot, unfolding story",
    "chorus": "striking hero shot, bold composition",
    "bridge": "unexpected angle, change of scenery",
    "outro": "wide closing shot, fading away",
    "part": "medium shot",
}
_MOODS = ((0.35, "calm, soft light"), (0.65, "steady, warm contrast"), (0.85, "lively, vivid light"))
_LOUDEST = "intense, dramatic light, high energy"


def scene_prompt(wish: str, label: str, energy: float, *, has_image: bool) -> str:
    """What the picture shows, for a model that draws from text."""
    subject = wish.strip() or ("the theme picture's subject" if has_image else "abstract music visual")
    return f"{subject}, {_PLACES.get(label, _PLACES['part'])}, {_mood(energy)}"


_STYLES = {
    "flow": "soft abstract shapes, flowing colour",
    "geometry": "bold geometric shapes, flat colour",
    "land": "stylised landscape, layered silhouettes",
    "press": "screen print, halftone ink, paper grain",
    "photo": "cinematic photograph, shallow depth of field",
    "cutout": "paper cutouts on a plain ground",
    "collage": "mixed media collage, torn paper",
    "type": "graphic poster design",
}
_FILM = "cinematic film still, rich detail"
_VIEWS = (
    "wide view of the whole place",
    "a secluded corner of the same world, seen up close",
    "the same world from high above",
    "the most open ground of the same world, low horizon",
)
_SETTINGS = (
    "an empty street at night after rain",
    "a wide plain under a huge sky",
    "a room with one window and drifting dust",
    "a shore at the turn of the tide",
    "a forest with light between the trees",
    "rooftops above a city at dusk",
    "a great hall with tall columns",
    "a desert road to the horizon",
)


def still_prompt(
    options: JobOptions, energy: float, palette: Palette, number: int, seed: int, *, has_image: bool
) -> str:
    """What a reference still shows: a place of so much energy in these colours, empty of words.

    number: of the place in the song, from 0: no two of one song are the same place.
    """
    setting = _SETTINGS[(derived(seed, "settings") + number) % len(_SETTINGS)]
    wish = options.prompt.strip()
    if wish or has_image:
        place = f"{wish or 'the world of the theme picture'}, {_VIEWS[number % len(_VIEWS)]}"
    else:
        place = f"{setting}, for a song called {options.title.strip()}" if options.title.strip() else setting
    colours = dict.fromkeys(colour_name(colour) for colour in (palette.ground, palette.accent, palette.light))
    return f"{place}, {_mood(energy)}, {_style(options.style)}, colours: {', '.join(colours)}, no text"


_SHOTS = (
    "wide shot",
    "medium shot",
    "close-up of a telling detail",
    "seen from above",
    "low angle",
    "over the shoulder of somebody who is there",
)
_LONGEST_TOLD = 400
"""Letters of what is told that a prompt has: models read little more than the beginning."""


def told_prompt(text: str, wish: str, energy: float, seed: int) -> str:
    """What a scene shows while a text is told. wish: what was asked for of the whole video."""
    told = text.strip().rstrip(".!?:;,\u2026\u3002")[:_LONGEST_TOLD]
    shot = _SHOTS[derived(seed, "shot", text) % len(_SHOTS)]
    return ", ".join(part for part in (told, wish.strip(), shot, _mood(energy)) if part)


def title_prompt(title: str, wish: str, energy: float) -> str:
    """What stands before the narration."""
    return f"{wish.strip() or title.strip() or 'abstract visual'}, {_PLACES['intro']}, {_mood(energy)}"


def _style(style: str) -> str:
    family = style if style in families() else looks_by_name()[style].family if style in looks_by_name() else ""
    return _STYLES.get(family, _FILM)


def _mood(energy: float) -> str:
    return next((text for limit, text in _MOODS if energy < limit), _LOUDEST)
