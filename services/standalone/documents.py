"""`beatloom analyze` and `beatloom plan`: the pure functions alone, no stack.

The song is decoded in a guarded child.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from libs.contracts.analysis import Analysis
from libs.contracts.errors import Permanent
from libs.contracts.jobs import check_means
from libs.contracts.storyboard import Storyboard
from libs.media.frames import parse_fps
from libs.media.guards import read_lyrics
from libs.media.probe import probe_image, probe_song
from libs.picture.facts import PictureFacts, read_facts
from libs.runtime.workers import WorkerPool
from services.planner.plan import plan as plan_song
from services.standalone.options import existing_file, job_options

ANALYSIS_TIMEOUT_S = 900.0
IMAGE_TIMEOUT_S = 60.0
MAX_ROWS = 400


def analyze(arguments: argparse.Namespace) -> int:
    """`beatloom analyze SONG [--lyrics F] [--json]`."""
    found, _ = asyncio.run(_heard(arguments.song, arguments.lyrics))
    if arguments.json:
        _print_json(found)
    else:
        _show_analysis(found)
    return 0


def plan(arguments: argparse.Namespace) -> int:
    """`beatloom plan SONG [--analysis F.json] [--json]`. Without --seed the seed is 0."""
    options = job_options(arguments)
    image = existing_file(arguments.image, "picture") if arguments.image else None
    if arguments.analysis:
        existing_file(arguments.song, "song")
        analysis = _read_analysis(arguments.analysis)
    else:
        analysis, title = asyncio.run(_heard(arguments.song, arguments.lyrics))
        options = msgspec.structs.replace(options, title=options.title or title)
    check_means(options.style, picture=image is not None, title=bool(options.title), lyrics=bool(analysis.words))
    picture = asyncio.run(_seen(image)) if image is not None else None
    storyboard, _ = plan_song(analysis, options, options.seed or 0, picture)
    if arguments.json:
        _print_json(storyboard)
    else:
        _show_storyboard(storyboard)
    return 0


async def _heard(song: Path, lyrics: Path | None) -> tuple[Analysis, str]:
    """What is heard in the song, and its title by its tags."""
    from services.analyzer.analyze import analyze as analyze_song

    song = existing_file(song, "song")
    words = None
    if lyrics is not None:
        words = read_lyrics(existing_file(lyrics, "lyrics file"))[0].encode()
    async with WorkerPool(1) as pool:
        probe = await probe_song(song, pool)
        found = (await pool.run(analyze_song, song, words, timeout_s=ANALYSIS_TIMEOUT_S)).value
    return msgspec.structs.replace(found, notices=(*probe.notices, *found.notices)), probe.title


async def _seen(image: Path) -> PictureFacts:
    """What is known of the theme picture, decoded in a guarded child."""
    async with WorkerPool(1) as pool:
        await probe_image(image, pool)
        facts: PictureFacts = (await pool.run(read_facts, image, timeout_s=IMAGE_TIMEOUT_S)).value
        return facts


def _read_analysis(path: Path) -> Analysis:
    data = existing_file(path, "analysis").read_bytes()
    try:
        return msgspec.json.decode(data, type=Analysis)
    except msgspec.DecodeError as error:
        hint = "Give the file that `beatloom analyze SONG --json` printed."
        raise Permanent("bad_request", f"{path} is not an analysis: {error}.", hint=hint) from error


def _print_json(document: Analysis | Storyboard) -> None:
    sys.stdout.write(msgspec.json.encode(document).decode() + "\n")


def _show_analysis(found: Analysis) -> None:
    console = Console(highlight=False)
    steady = "steady" if found.tempo.stable else "changing"
    tempo = f"{found.tempo.bpm:.1f} bpm ({steady})" if found.beats else "none found"
    downbeats = sum(beat.downbeat for beat in found.beats)
    console.print(f"length    {_clock(found.duration)}")
    console.print(f"tempo     {tempo}, {found.meter} beats a bar, {len(found.beats)} beats, {downbeats} bars")
    console.print(f"key       {found.key.tonic} {found.key.mode} ({found.key.confidence:.0%} sure)")
    if found.words:
        console.print(f"words     {len(found.words)}")
    table = Table("section", "from", "to", "group", "energy", box=None, header_style="dim")
    for section in found.sections:
        bar = "█" * round(section.energy * 10)
        table.add_row(section.label, _clock(section.start), _clock(section.end), str(section.group), bar)
    console.print(table)
    for notice in found.notices:
        console.print(f"note: {notice.message}", markup=False)


def _show_storyboard(board: Storyboard) -> None:
    console = Console(highlight=False)
    fps = parse_fps(board.fps)
    console.print(
        f"{len(board.scenes)} scenes, {board.frames} frames of {board.width} x {board.height} at {board.fps} fps,"
        f" {_clock(float(board.frames / fps))}"
    )
    table = Table(
        "scene", "from", "seconds", "section", "camera", "begins with", "look", box=None, header_style="dim"
    )
    for scene in board.scenes[:MAX_ROWS]:
        turn = scene.transition
        table.add_row(
            scene.id,
            _clock(float(scene.start_frame / fps)),
            f"{float((scene.end_frame - scene.start_frame) / fps):.2f}",
            scene.section,
            scene.camera.move,
            turn.kind if turn.kind == "cut" else f"{turn.kind} of {turn.frames} frames",
            scene.look,
        )
    console.print(table)


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:05.2f}"
