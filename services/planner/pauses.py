"""Where the scenes of a narrated video meet: in the pauses of the voice, in whole frames. Pure.

Where a cut lies, seen from the words around it, is always the same, unless music has a beat there. Then each clip
reaches over the whole pause, so that it needs no new one when the beats come to lie otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from libs.contracts.analysis import Analysis
from libs.contracts.storyboard import Transition
from libs.media.frames import frame_at
from libs.storyboard.music_loop import beats_on
from services.planner.parts import Part

BEFORE_S = 0.15
"""A cut lies so long before the first word of its scene: about the middle of the shortest pause."""
FADE_S = 0.4
"""A crossfade, where a paragraph begins."""
FADED_FROM_S = 2.2
"""It stands between scenes that are at least so long: a list of short paragraphs is cut."""
FADE_BEFORE_S = 0.3
"""Its middle lies so long before the first word."""
CUT = Transition()


@dataclass(frozen=True)
class Meeting:
    """How a scene begins. Both scenes' clips have the frames from `first` to `last`."""

    cut: int
    first: int
    last: int
    transition: Transition = CUT


def meetings(
    parts: Sequence[Part], lead: int, frames: int, fps: Fraction, bed: Analysis | None = None
) -> list[Meeting]:
    """How each scene begins, the title's included if there is a lead, and last the end.

    lead: frames before the first word. frames: of the whole video. bed: the music under the voice, whose beats
    attract cuts.
    """
    beats = [frame_at(time, fps) for time in beats_on(bed, float(frames / fps))] if bed is not None else []
    found = [Meeting(0, 0, 0)]
    for number, part in enumerate(parts):
        if number == 0 and lead == 0:
            continue
        before = lead if number == 0 else parts[number - 1].end - parts[number - 1].start
        transition = _transition(min(before, part.end - part.start), part, fps)
        found.append(_meeting(part, transition, beats, fps, wide=bed is not None))
    return [*found, Meeting(frames, frames, frames)]


def _meeting(part: Part, transition: Transition, beats: Sequence[int], fps: Fraction, *, wide: bool) -> Meeting:
    half = transition.overlap // 2
    usual = frame_at(FADE_BEFORE_S if half else BEFORE_S, fps)
    cut = part.start - min(usual, part.quiet // 2)
    first, last = part.start - part.quiet, part.start
    inside = [beat for beat in beats if first + half <= beat <= last - half]
    if inside:
        cut = min(inside, key=lambda beat: (abs(2 * beat - first - last), beat))
    if not wide:
        first, last = cut - half, cut + half
    return Meeting(cut, first, last, transition)


def _transition(shorter: int, part: Part, fps: Fraction) -> Transition:
    """A crossfade into a paragraph where there is room for it, else a cut. shorter: frames of the shorter scene."""
    frames = 2 * round(FADE_S * fps / 2)
    if not part.opens or frames > part.quiet or shorter < frame_at(FADED_FROM_S, fps):
        return CUT
    return Transition(kind="crossfade", frames=frames)
