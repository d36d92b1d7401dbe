"""The findings on a video for people: a short table, then what they mean."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from libs.contracts.check import Check, MotionFound, OnBeat
from libs.contracts.report import BitRate, Stretch

SIGNS = {True: ("ok", "green"), False: ("!", "red"), None: ("-", "dim")}
SHOWN = 3
"""How many stretches are told one by one."""


def show_check(found: Check, name: str) -> None:
    """Prints it to stdout."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text("".join(char if char.isprintable() else "\ufffd" for char in name), style="bold"))
    table = Table.grid(padding=(0, 2))
    for label, told in _rows(found):
        table.add_row(Text(label, style="dim"), Text(told))
    console.print(table)
    console.print()
    for verdict in found.verdicts:
        sign, style = SIGNS[verdict.good]
        console.print(Text(f"{sign:>2}  ", style=style) + Text(verdict.message))


def _rows(found: Check) -> Iterator[tuple[str, str]]:
    picture, sound = found.picture, found.sound
    rate = f"{picture.fps:.2f}".rstrip("0").rstrip(".")
    even = "" if picture.even else f" (uneven: up to {picture.uneven_ms:.0f} ms)"
    yield "picture", f"{picture.width} x {picture.height}, {rate} fps{even}, {picture.codec}{_bits(picture.rate)}"
    yield "length", f"{_clock(found.duration)}, the song {_clock(found.song_duration)}"
    cuts = sum(cut.kind == "cut" for cut in found.cuts)
    yield "cuts", f"{cuts}, and {len(found.cuts) - cuts} dissolves"
    if found.on_beat is not None:
        yield "on the beat", _on_beat(found.on_beat)
    if sound is None:
        yield "sound", "none"
    else:
        where = "not the song" if sound.starts_at is None else f"the song from {sound.starts_at:+.3f} s"
        yield "sound", f"{sound.codec}{_bits(sound.rate)}, {where}"
        if sound.loudness is not None:
            loud = sound.loudness
            peak = f"peak {loud.true_peak_dbtp:+.1f} dBTP"
            yield "loudness", f"{loud.integrated_lufs:.1f} LUFS, range {loud.range_lu:.1f} LU, {peak}"
    yield "flashes", f"{found.flashes.a_second:g} a second at worst, red {found.red_flashes.a_second:g}"
    yield "motion", _motion(found.motion)
    for label, stretches in (("still", found.motion.still), ("black", found.black), ("frozen", found.frozen)):
        if stretches:
            yield label, _stretches(stretches)


def _on_beat(found: OnBeat) -> str:
    return (
        f"median {found.median_ms:.0f} ms (by chance {found.chance_median_ms:.0f}), "
        f"{found.within_40_ms:.0%} within 40 ms ({found.chance_within_40_ms:.0%}), "
        f"{found.within_a_frame:.0%} within a frame ({found.chance_within_a_frame:.0%})"
    )


def _motion(found: MotionFound) -> str:
    def told(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    moves, light = found.follows, found.light_follows
    return (
        f"{found.level:.1f} of 255 a frame; with the beats {told(moves.beats)} (light {told(light.beats)}), "
        f"onsets {told(moves.onsets)} ({told(light.onsets)}), energy {told(moves.energy)} ({told(light.energy)})"
    )


def _bits(rate: BitRate | None) -> str:
    return "" if rate is None else f", {rate.mean_mbps:.2f} Mb/s (most {rate.peak_mbps:.2f})"


def _stretches(found: tuple[Stretch, ...]) -> str:
    told = [f"{_clock(one.start)} to {_clock(one.end)}" for one in found[:SHOWN]]
    more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return ", ".join(told + more)


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:05.2f}"
