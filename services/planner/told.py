"""The scenes of a narrated video: what each shows and how it moves. Pure.

What a scene shows follows from its own words, the seed and, so that neighbours differ, the scene before; never from
its number or its time. So a sentence that is added, taken away or written anew leaves the other scenes as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from libs.contracts.looks import LookEntry, looks_by_name
from libs.contracts.storyboard import Camera, Scene, SceneLyrics
from services.planner.illustration import Shown, ground_of, look_of
from services.planner.lyrics import writes_words
from services.planner.palette import on_ground
from services.planner.parts import Part
from services.planner.pauses import Meeting
from services.planner.prompts import NEGATIVE, title_prompt, told_prompt
from services.planner.scenes import wanted_lyrics
from services.planner.seeds import choice, derived, unit
from services.planner.setting import Setting
from services.planner.words import strongest_words, title_text

CALM = 0.36
"""Energy of a scene in which something is told quietly; by seed it is up to `_LIVELIER` more."""
_LIVELIER = 0.22
_CALLED = 0.15
"""What an exclamation adds."""
_MOVES = ("push", "pull", "pan_left", "pan_right", "tilt_up", "tilt_down", "orbit", "handheld")
SECTION = "part"


def told_scenes(
    parts: Sequence[Part], met: Sequence[Meeting], prompts: Sequence[str], setting: Setting
) -> tuple[Scene, ...]:
    """The scenes: that of the title, if there are two more meetings than parts, then one of each part.

    prompts: what the first parts show, in order; an empty one is made of what is told.
    """
    scenes: list[Scene] = []
    before: Shown | None = None
    if len(met) > len(parts) + 1:
        before = Shown(_title_look(setting), "own")
        scenes.append(_title(before, setting))
    for number, part in enumerate(parts):
        prompt = prompts[number].strip() if number < len(prompts) else ""
        energy = _energy(part.text, setting.seed)
        look = look_of(f"{part.text} {prompt}", energy, setting, before)
        before = Shown(look, ground_of(part.text, look, before, setting.seed))
        scenes.append(_told(part, prompt, energy, before, setting))
    return tuple(
        msgspec.structs.replace(
            scene,
            id=f"s{number + 1:03d}",
            start_frame=met[number].cut,
            end_frame=met[number + 1].cut,
            transition=met[number].transition,
        )
        for number, scene in enumerate(scenes)
    )


def _told(part: Part, prompt: str, energy: float, shown: Shown, setting: Setting) -> Scene:
    wish = setting.options.prompt
    said = ", ".join(one for one in (prompt, wish.strip()) if one)
    scene = _scene(part.text, energy, shown, setting)
    return msgspec.structs.replace(
        scene,
        group=part.paragraph,
        prompt=said if prompt else told_prompt(part.text, wish, energy, setting.seed),
        text=strongest_words(part.text) if "text" in shown.look.needs else "",
        lyrics=_lyrics(shown.look, setting),
    )


def _title(shown: Shown, setting: Setting) -> Scene:
    """The page with the title, before anything is told. It has the group of the first paragraph."""
    options = setting.options
    scene = _scene(options.title, CALM, shown, setting)
    return msgspec.structs.replace(
        scene, prompt=title_prompt(options.title, options.prompt, CALM), text=title_text(options.title)
    )


def _title_look(setting: Setting) -> LookEntry:
    return looks_by_name()["print" if setting.pictured else "title"]


def _scene(name: str, energy: float, shown: Shown, setting: Setting) -> Scene:
    """A scene by what it is told of; when it is comes later."""
    seed = setting.seed
    return Scene(
        id="",
        start_frame=0,
        end_frame=0,
        section=SECTION,
        group=0,
        energy=energy,
        camera=Camera(move=choice(_MOVES, seed, "camera", name), amount=round(0.35 + 0.5 * energy, 3)),
        motion=round(0.25 + 0.75 * energy, 3),
        look=shown.look.name,
        palette=on_ground(setting.palette, shown.ground),
        prompt="",
        negative_prompt=NEGATIVE,
        seed=derived(seed, "scene", name),
        lyrics="none",
        motif=setting.motif,
        variant=derived(seed, "layout", name) % 6,
    )


def _lyrics(look: LookEntry, setting: Setting) -> SceneLyrics:
    return "none" if wanted_lyrics(setting.options) == "none" or writes_words(look) else "captions"


def _energy(text: str, seed: int) -> float:
    called = _CALLED * any(mark in text for mark in "!\uff01\u00a1")
    return round(CALM + _LIVELIER * unit(seed, "energy", text) + called, 3)
