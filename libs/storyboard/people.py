"""Who is seen in which scene, and how the words for it say so. Pure.

A storyboard names characters by their ids and keeps its prompts plain; what is sent to a model is made here, so
that a change of a character reaches every scene in which it is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from libs.contracts.characters import Character
from libs.contracts.storyboard import Scene, Shot

MOST_WORDS = 1600
"""Letters of a prompt that say who is seen, of all of them together: models read little more than the beginning,
and what is asked of the scene itself comes after."""


def with_people(scenes: Sequence[Scene], characters: Sequence[Character], density: float) -> tuple[Scene, ...]:
    """The scenes with the characters who are seen in them.

    density: share of the scenes in which the song is performed, the loudest first; the primary character performs.
    Of the others every second one shows somebody, by turns. Where nobody is named, somebody performs all the same.
    """
    loudest = sorted(range(len(scenes)), key=lambda i: (-scenes[i].energy, i))
    performing = set(loudest[: round(density * len(scenes))])
    seen: list[Scene] = []
    turn = 0
    for number, scene in enumerate(scenes):
        values: dict[str, object] = {}
        if number in performing:
            values["performance"] = True
        if characters and number in performing:
            values["characters"] = (characters[0].id,)
        elif characters and number % 2 == 0:
            values["characters"] = (characters[turn % len(characters)].id,)
            turn += 1
        seen.append(msgspec.structs.replace(scene, **values))
    return tuple(seen)


def lead_of(scene: Scene) -> str:
    """The id of the character who is seen first; "" for nobody."""
    return (scene.characters or ("",))[0]


def directed(shot: Shot, characters: Iterable[Character]) -> Shot:
    """The shot as it is sent to a model: its words say who is seen, and how."""
    known = {character.id: character for character in characters}
    people = [known[name] for name in shot.scene.characters or () if name in known]
    each = MOST_WORDS // max(len(people), 1)
    who = ", and ".join(words_of(character, each) for character in people)
    if shot.scene.performance:
        who = f"{who or 'a singer'}, singing to the camera"
    if not who:
        return shot
    never = [_within(", ".join(character.bible.donts), each) for character in people if character.bible.donts]
    scene = msgspec.structs.replace(
        shot.scene,
        prompt=f"{who}, {shot.scene.prompt}",
        negative_prompt=", ".join([*never, shot.scene.negative_prompt]),
    )
    return msgspec.structs.replace(shot, scene=scene)


def pictures_of(scene: Scene, characters: Iterable[Character]) -> tuple[str, ...]:
    """Digests of the pictures of those who are seen in a scene."""
    known = {character.id: character.picture for character in characters}
    pictures = (known.get(name) for name in scene.characters or ())
    return tuple(picture.sha256 for picture in pictures if picture is not None)


def words_of(character: Character, most: int = MOST_WORDS) -> str:
    """A character as a prompt says it, in so many letters at most."""
    bible = character.bible
    wears = f"wearing {bible.wardrobe_lock}" if bible.wardrobe_lock else ""
    said = (character.name, character.description, bible.face, bible.signature, wears, *bible.dos)
    return _within(", ".join(part.strip().rstrip(".,") for part in said if part.strip()), most)


def _within(text: str, most: int) -> str:
    """The text, or its first words."""
    return text if len(text) <= most else text[: most + 1].rpartition(" ")[0].rstrip(" ,.") or text[:most]
