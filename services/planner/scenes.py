"""What each scene shows and how it moves. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from libs.contracts.analysis import Analysis, Section, Word
from libs.contracts.jobs import JobOptions, LyricsStyle
from libs.contracts.looks import MOTIFS, LookEntry
from libs.contracts.storyboard import Camera, Scene
from libs.media.frames import parse_fps
from libs.picture.facts import PictureFacts
from services.planner.camera import camera_moves
from services.planner.casting import is_type
from services.planner.cuts import Loudness
from services.planner.grounds import choose_grounds
from services.planner.looks import choose_looks, means_of
from services.planner.lyrics import choose_lyrics
from services.planner.palette import choose_palette, on_ground
from services.planner.prompts import NEGATIVE, scene_prompt
from services.planner.seeds import choice, derived
from services.planner.structure import Spot, placed
from services.planner.transitions import choose_transitions
from services.planner.words import hook_text, known_words, title_text


def make_scenes(
    analysis: Analysis,
    options: JobOptions,
    seed: int,
    cuts: list[int],
    picture: PictureFacts | None = None,
    *,
    clip_s: float = 0.0,
) -> tuple[Scene, ...]:
    """The scenes between the cuts. One palette runs through the song; neighbours have it in other roles.

    clip_s: as for the cuts.
    """
    fps = parse_fps(options.fps)
    times = [float(cut / fps) for cut in cuts]
    loudness = Loudness(analysis, fps)
    count = len(cuts) - 1
    energies = [round(float(loudness.mean(cuts[i], cuts[i + 1])), 3) for i in range(count)]
    sections = [section_of(analysis, cuts[i], cuts[i + 1], fps) for i in range(count)]
    opens = [i > 0 and sections[i] is not sections[i - 1] for i in range(count)]
    labels = [section.label for section in sections]
    transitions = choose_transitions(cuts, energies, labels, opens, fps, clip_s=clip_s)
    mean = sum(energies[i] * (cuts[i + 1] - cuts[i]) for i in range(count)) / cuts[-1]
    song = choose_palette(analysis, mean, picture, seed)
    moves = camera_moves([(section.label, section.group) for section in sections], seed)
    words = known_words(analysis)
    spots = placed([_spot(sections[i], energies[i], times[i], times[i + 1], words) for i in range(count)])
    title, hook = title_text(options.title), hook_text(analysis, options.title)
    wish = wanted_lyrics(options)
    looks = choose_looks(spots, means_of(analysis, title, hook, picture, wish), options, seed)
    grounds = choose_grounds(spots, looks, seed)
    lyrics = choose_lyrics(spots, looks, times, words, wish)
    variants = layouts(spots, looks, seed)
    motif = choice(MOTIFS, seed, "motif")
    return tuple(
        Scene(
            id=f"s{i + 1:03d}",
            start_frame=cuts[i],
            end_frame=cuts[i + 1],
            section=labels[i],
            group=sections[i].group,
            energy=energies[i],
            camera=Camera(move=moves[i], amount=round(0.35 + 0.5 * energies[i], 3)),
            motion=round(0.25 + 0.75 * energies[i], 3),
            look=looks[i].name,
            palette=on_ground(song, grounds[i]),
            prompt=scene_prompt(options.prompt, labels[i], energies[i], has_image=picture is not None),
            negative_prompt=NEGATIVE,
            seed=derived(seed, "scene", spots[i].group, spots[i].place),
            transition=transitions[i],
            text=scene_text(looks[i], title, hook, edge=i in (0, count - 1)),
            lyrics=lyrics[i],
            motif=motif,
            visit=spots[i].visit,
            finale=spots[i].finale,
            variant=variants[i],
        )
        for i in range(count)
    )


def _spot(section: Section, energy: float, start: float, end: float, words: Sequence[Word]) -> Spot:
    sung = sum(start <= word.start < end for word in words)
    return Spot(label=section.label, group=section.group, energy=energy, seconds=end - start, sung=sung)


def layouts(spots: Sequence[Spot], looks: Sequence[LookEntry], seed: int) -> list[int]:
    """A layout (0..5) for each scene. With the visit added, as looks do, neighbours never agree.

    A part has the same ones when it returns, but for that; a look that plays again has another one, if it can.
    """
    chosen: list[int] = []
    shown: dict[str, int] = {}
    before = 0
    for spot, look in zip(spots, looks, strict=True):
        ways = [(before + 1) % 6, (before + 5) % 6]
        wish = (derived(seed, "layout", spot.group) + spot.visit) % 6
        if not chosen or (spot.place == 0 and wish in ways):
            before = wish
        else:
            last = shown.get(look.name)
            before = ways[0] if last is None else min(ways, key=lambda way: _alike(way, last))
        shown[look.name] = before
        chosen.append((before - spot.visit) % 6)
    return chosen


def _alike(one: int, other: int) -> int:
    return 2 * (one % 3 == other % 3) + (one % 2 == other % 2)


def scene_text(look: LookEntry, title: str, hook: str, *, edge: bool) -> str:
    """What the scene writes large: the title where it begins or ends the song, the hook in looks of type."""
    if look.titles:
        return title if edge or "text" in look.needs else ""
    return hook if is_type(look) else ""


def wanted_lyrics(options: JobOptions) -> LyricsStyle:
    """The style that was asked for; `captions` switched off means none."""
    return options.lyrics_style if options.captions else "none"


_WHOLE = Section(label="part", start=0.0, end=0.0, group=0, energy=0.5)


def section_of(analysis: Analysis, start: int, end: int, fps: Fraction) -> Section:
    """The section that the scene shares most time with."""
    left, right = float(start / fps), float(end / fps)
    return max(
        analysis.sections,
        key=lambda section: min(right, section.end) - max(left, section.start),
        default=_WHOLE,
    )
