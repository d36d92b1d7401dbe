"""What each scene shows and how it moves. Pure."""

from __future__ import annotations

from fractions import Fraction

from libs.contracts.analysis import Analysis, Section
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Camera, Scene
from services.planner.cuts import Loudness
from services.planner.looks import choose_looks
from services.planner.palette import on_ground, song_palette
from services.planner.seeds import derived
from services.planner.transitions import choose_transitions

NEGATIVE = (
    "text, watermark, logo, signature, frame, border, blurry, low resolution, jpeg artifacts, "
    "deformed hands, extra fingers, distorted face"
)
_MOVES: dict[str, tuple[str, ...]] = {
    "intro": ("push", "tilt_up", "pan_right"),
    "verse": ("pan_left", "pan_right", "push", "handheld"),
    "chorus": ("push", "pull", "orbit", "handheld"),
    "bridge": ("orbit", "tilt_up", "tilt_down", "pull"),
    "outro": ("pull", "tilt_up", "pan_left"),
    "part": ("push", "pan_left", "pull", "pan_right"),
}
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


def make_scenes(
    analysis: Analysis, options: JobOptions, seed: int, cuts: list[int], fps: Fraction, *, has_image: bool
) -> tuple[Scene, ...]:
    """The scenes between the cuts. One palette runs through the song; neighbours have it in other roles."""
    loudness = Loudness(analysis, fps)
    count = len(cuts) - 1
    energies = [round(float(loudness.mean(cuts[i], cuts[i + 1])), 3) for i in range(count)]
    sections = [section_of(analysis, cuts[i], cuts[i + 1], fps) for i in range(count)]
    opens = [i > 0 and sections[i] is not sections[i - 1] for i in range(count)]
    labels = [section.label for section in sections]
    transitions = choose_transitions(cuts, energies, labels, opens, fps)
    mean = sum(energies[i] * (cuts[i + 1] - cuts[i]) for i in range(count)) / cuts[-1]
    song = song_palette(analysis.key, mean, analysis.brightness, seed)
    moves = camera_moves([(section.label, section.group) for section in sections], seed)
    groups = [section.group for section in sections]
    steady = analysis.tempo.stable and analysis.tempo.bpm > 0
    chosen = choose_looks(groups, energies, seed, pictured=has_image, steady=steady)
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
            look=chosen[i][0] if options.style == "auto" else options.style,
            palette=on_ground(song, chosen[i][1]),
            prompt=scene_prompt(options.prompt, labels[i], energies[i], has_image=has_image),
            negative_prompt=NEGATIVE,
            seed=derived(seed, "scene", i + 1),
            transition=transitions[i],
        )
        for i in range(count)
    )


_WHOLE = Section(label="part", start=0.0, end=0.0, group=0, energy=0.5)


def section_of(analysis: Analysis, start: int, end: int, fps: Fraction) -> Section:
    """The section that the scene shares most time with."""
    left, right = float(start / fps), float(end / fps)
    return max(
        analysis.sections,
        key=lambda section: min(right, section.end) - max(left, section.start),
        default=_WHOLE,
    )


def camera_moves(kinds: list[tuple[str, int]], seed: int) -> list[str]:
    """A move for each scene, given its (label, group): a group begins with the same move, neighbours differ."""
    moves: list[str] = []
    place = 0
    for i, (label, group) in enumerate(kinds):
        place = place + 1 if i and kinds[i - 1] == kinds[i] else 0
        family = _MOVES.get(label, _MOVES["part"])
        start = derived(seed, "camera", label, group)
        move = family[(start + place) % len(family)]
        if moves and move == moves[-1]:
            place += 1
            move = family[(start + place) % len(family)]
        moves.append(move)
    return moves


def scene_prompt(wish: str, label: str, energy: float, *, has_image: bool) -> str:
    """What the picture shows, for a model that draws from text."""
    mood = next((text for limit, text in _MOODS if energy < limit), _LOUDEST)
    subject = wish.strip() or ("the theme picture's subject" if has_image else "abstract music visual")
    return f"{subject}, {_PLACES.get(label, _PLACES['part'])}, {mood}"
