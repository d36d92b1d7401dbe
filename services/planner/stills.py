"""Reference stills: the places of a video, each to be pictured once before the clips that are seen there. Pure.

Parts of the song that sound alike share a place. Where there are more of them than stills, the smaller ones are
guests at the place of a part of the same kind, or of the like energy. A song of one part has a calm place and a
loud one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from libs.contracts.characters import Character
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Scene, Still, Storyboard
from libs.storyboard.people import lead_of, words_of
from services.planner.prompts import NEGATIVE, still_prompt
from services.planner.seeds import derived


def with_stills(
    board: Storyboard, options: JobOptions, most: int, characters: Sequence[Character] = (), *, has_image: bool
) -> Storyboard:
    """The storyboard with a still for each place and who is seen there, `most` of them at most; every scene names
    its own."""
    places = with_leads(board.scenes, places_of(board.scenes, most), most)
    order = list(dict.fromkeys(places))
    known = {character.id: character for character in characters}
    stills = []
    for number, (place, lead) in enumerate(order):
        there = [scene for scene, own in zip(board.scenes, places, strict=True) if own == (place, lead)]
        energy = sum(scene.energy for scene in there) / len(there)
        prompt = still_prompt(options, energy, there[0].palette, number, board.seed, has_image=has_image)
        stills.append(still_of(board, number, prompt, known.get(lead)))
    scenes = tuple(
        msgspec.structs.replace(scene, still=stills[order.index(place)].id)
        for scene, place in zip(board.scenes, places, strict=True)
    )
    return msgspec.structs.replace(board, scenes=scenes, stills=tuple(stills))


def still_of(board: Storyboard, number: int, prompt: str, who: Character | None = None) -> Still:
    """The still of a place, counted from 0, with who is seen there."""
    return Still(
        id=f"p{number + 1}",
        prompt=f"{words_of(who)}, in this place: {prompt}" if who else prompt,
        negative_prompt=", ".join([*(who.bible.donts if who else ()), NEGATIVE]),
        seed=derived(board.seed, "still", number),
        width=board.width,
        height=board.height,
        character=who.id if who else msgspec.UNSET,
    )


def with_leads(scenes: Sequence[Scene], places: Sequence[int], most: int) -> list[tuple[int, str]]:
    """The place of each scene with who is seen first there, at most `most` different ones.

    Where there are more, those that are seen for the shortest time join another still: of the same character if
    there is one, else of the same place.
    """
    keys = [(place, lead_of(scene)) for scene, place in zip(scenes, places, strict=True)]
    length: dict[tuple[int, str], int] = {}
    for scene, key in zip(scenes, keys, strict=True):
        length[key] = length.get(key, 0) + _frames(scene)
    # Nobody's face is left out while a face has two places.
    first_of = {max((key for key in length if key[1] == lead), key=lambda key: length[key]) for _, lead in length}
    kept = sorted(length, key=lambda key: (key not in first_of, -length[key]))[:most]

    def host(key: tuple[int, str]) -> tuple[int, str]:
        return min(kept, key=lambda other: (other[1] != key[1], other[0] != key[0], -length[other]))

    return [host(key) for key in keys]


def places_of(scenes: Sequence[Scene], most: int) -> list[int]:
    """The place of each scene: the same value for the same place, at most `most` different ones."""
    groups: dict[int, list[Scene]] = {}
    for scene in scenes:
        groups.setdefault(scene.group, []).append(scene)
    if len(groups) == 1 and most > 1:
        loudest_first = sorted(scenes, key=lambda scene: (-scene.energy, scene.start_frame))
        loud = {scene.id for scene in loudest_first[: len(scenes) // 2]}
        return [int(scene.id in loud) for scene in scenes]
    longest_first = sorted(groups, key=lambda group: -sum(_frames(scene) for scene in groups[group]))
    kept = longest_first[:most]
    hosts = {group: group if group in kept else _host(groups, group, kept) for group in groups}
    return [hosts[scene.group] for scene in scenes]


def _host(groups: Mapping[int, list[Scene]], guest: int, kept: Sequence[int]) -> int:
    """The part at whose place a part is seen that has none of its own."""
    label, energy = groups[guest][0].section, _energy(groups[guest])
    return min(kept, key=lambda group: (groups[group][0].section != label, abs(_energy(groups[group]) - energy)))


def _frames(scene: Scene) -> int:
    return scene.end_frame - scene.start_frame


def _energy(scenes: Sequence[Scene]) -> float:
    frames = sum(_frames(scene) for scene in scenes)
    return sum(scene.energy * _frames(scene) for scene in scenes) / max(frames, 1)
