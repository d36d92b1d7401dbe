"""What the findings on a video mean, in plain words. Pure."""

from __future__ import annotations

from libs.contracts.check import Check, Verdict
from libs.measure.flashes import LIMIT

IN_TIME_SECONDS = 0.02
BY_CHANCE = 0.01
"""Cuts that chance alone puts on beats this often, or more often, don't prove anything."""
PLAYED_LUFS = -14.0
"""What most streaming services turn music to."""
LENGTHS_DIFFER = 0.1
DROPPED_SECONDS = 0.5
FOLLOWS = 0.15
"""Correlation with onsets or beats from which a picture moves with the music."""


def verdicts(found: Check) -> tuple[Verdict, ...]:
    """One sentence for each thing that matters, the cuts first."""
    told = [_cuts(found), _sound(found), _motion(found), *_flashes(found), *_dark(found), _timing(found)]
    return tuple(one for one in (*told, _loudness(found)) if one is not None)


def _cuts(found: Check) -> Verdict:
    cuts = found.on_beat
    if cuts is None:
        return Verdict(code="cuts", good=None, message=_no_cuts(found))
    hits, lucky = round(cuts.within_40_ms * cuts.cuts), cuts.chance_within_40_ms * cuts.cuts
    on = f"{hits} of {cuts.cuts} cuts are within 40 ms of a beat; cuts at any time would be {lucky:.0f}"
    if cuts.likely_chance < BY_CHANCE:
        return Verdict(code="cuts", good=True, message=f"Cut on the beat: {on}.")
    if cuts.chance_within_40_ms**cuts.cuts >= BY_CHANCE:
        return Verdict(code="cuts", good=None, message=f"Too few cuts to tell: {on}.")
    late = ""
    if abs(cuts.bias_ms) > 40 and cuts.median_ms < 0.6 * cuts.chance_median_ms:
        late = f" They are {abs(cuts.bias_ms):.0f} ms {'late' if cuts.bias_ms > 0 else 'early'} on the whole."
    return Verdict(code="cuts", good=False, message=f"Not cut on the beat: {on}.{late}")


def _no_cuts(found: Check) -> str:
    if not found.cuts:
        return "No cuts were found."
    return "The song has no steady beat." if not found.tempo_bpm else "There are dissolves, but no hard cuts."


def _sound(found: Check) -> Verdict:
    sound = found.sound
    if sound is None:
        return Verdict(
            code="sound", good=None, message="There is no sound: cuts are laid on the song from its start."
        )
    if not sound.is_the_song or sound.starts_at is None:
        told = "Its sound is not the song's, so its cuts are laid on the song from its start."
        return Verdict(code="sound", good=False, message=told)
    late = sound.starts_at * 1000
    if abs(sound.starts_at) <= IN_TIME_SECONDS:
        return Verdict(code="sound", good=True, message=f"The song begins with the picture ({late:+.1f} ms).")
    if abs(sound.starts_at) < DROPPED_SECONDS:
        return Verdict(
            code="sound", good=False, message=f"Its sound is {late:+.1f} ms off the picture's beginning."
        )
    where = f"at {sound.starts_at:.2f} s of the video" if late > 0 else f"{-sound.starts_at:.2f} s before the video"
    return Verdict(code="sound", good=None, message=f"The song begins {where}; its beats are laid there.")


def _motion(found: Check) -> Verdict:
    motion = found.motion
    if found.duration < 1:
        return Verdict(code="still", good=None, message="It is too short to tell whether it moves.")
    if motion.still_seconds:
        longest = max(motion.still, key=lambda one: one.end - one.start)
        share = motion.still_seconds / max(found.duration, 1e-3)
        told = f"Nothing visible moves in {motion.still_seconds:.1f} s ({share:.0%})"
        where = f"longest from {longest.start:.1f} to {longest.end:.1f} s"
        return Verdict(code="still", good=False, message=f"{told}, {where}.")
    both = (motion.follows, motion.light_follows)
    most = max(value or 0.0 for one in both for value in (one.onsets, one.beats))
    how = "with the music" if most >= FOLLOWS else "but hardly with the music"
    return Verdict(code="still", good=True, message=f"Something moves in every second, {how} ({most:.2f}).")


def _flashes(found: Check) -> list[Verdict]:
    told = []
    for code, worst in (("flashes", found.flashes), ("red_flashes", found.red_flashes)):
        name = code.replace("_", " ").capitalize()
        if worst.a_second > LIMIT:
            message = (
                f"{name}: {worst.a_second:g} in the second from {worst.at:.1f} s; WCAG 2.3.1 allows {LIMIT:g}."
            )
            told.append(Verdict(code=code, good=False, message=message))
        elif code == "flashes":
            message = f"{name}: {worst.a_second:g} in the worst second; WCAG 2.3.1 allows {LIMIT:g}."
            told.append(Verdict(code=code, good=True, message=message))
    return told


def _dark(found: Check) -> list[Verdict]:
    told = []
    for code, stretches in (("black", found.black), ("frozen", found.frozen)):
        if stretches:
            seconds = sum(one.end - one.start for one in stretches)
            message = f"It is {code} for {seconds:.1f} s, first from {stretches[0].start:.1f} s."
            told.append(Verdict(code=code, good=False, message=message))
    return told


def _timing(found: Check) -> Verdict | None:
    missing = found.declared_duration - found.duration
    if missing > max(LENGTHS_DIFFER, 0.01 * found.declared_duration, _trailing(found)):
        told = f"Its picture ends at {found.duration:.2f} s, the file says {found.declared_duration:.2f}."
        return Verdict(code="timing", good=False, message=told)
    if not found.picture.even:
        told = f"Frames don't follow at one rate: up to {found.picture.uneven_ms:.0f} ms off."
        return Verdict(code="timing", good=False, message=told)
    if found.sound is not None and abs(found.sound.seconds - found.duration) > LENGTHS_DIFFER:
        told = f"Picture ({found.duration:.2f} s) and sound ({found.sound.seconds:.2f} s) differ in length."
        return Verdict(code="timing", good=None, message=told)
    return None


def _trailing(found: Check) -> float:
    """Seconds of sound behind the picture: they are in what the file says."""
    return 0.0 if found.sound is None else found.sound.seconds - found.duration + LENGTHS_DIFFER


def _loudness(found: Check) -> Verdict | None:
    heard = None if found.sound is None else found.sound.loudness
    if heard is None:
        return None
    louder = heard.integrated_lufs - PLAYED_LUFS
    how = "just as loud as"
    if abs(louder) >= 0.5:
        how = f"{abs(louder):.0f} dB {'louder' if louder > 0 else 'quieter'} than"
    told = f"{heard.integrated_lufs:.1f} LUFS: {how} the {PLAYED_LUFS:.0f} that most services play music at."
    return Verdict(code="loudness", good=None, message=told)
