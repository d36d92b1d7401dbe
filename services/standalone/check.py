"""`beatloom check VIDEO --song SONG`: any video of any tool, measured. Guarded children open its files."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from libs.contracts.analysis import Analysis
from libs.contracts.check import Check
from libs.contracts.errors import Permanent, Retryable
from libs.media.film import NO_VIDEO, film_shots, watch_film
from libs.media.guards import MAX_VIDEO_BYTES, check_song_file
from libs.media.probe import probe_song
from libs.runtime.workers import Progress, WorkerPool
from services.composer.sheet import draw_sheet
from services.standalone.check_findings import findings
from services.standalone.check_sheet import check_sheet, wanted_shots
from services.standalone.check_sound import listen
from services.standalone.check_table import show_check
from services.standalone.options import existing_file

WATCH_TIMEOUT_S = 4 * 3600.0
VIDEO_HINT = "Give a video: MP4, MOV, MKV, WebM, AVI, MPEG-TS or FLV."
LISTEN_TIMEOUT_S = 1800.0
DRAW_TIMEOUT_S = 120.0

T = TypeVar("T")


def check(arguments: argparse.Namespace) -> int:
    """`beatloom check VIDEO --song SONG [--json] [--sheet F.jpg]`. Returns 0 when the video was measured."""
    video = existing_file(arguments.video, "video")
    song = existing_file(arguments.song, "song")
    sheet = _writable(arguments.sheet, video, song) if arguments.sheet else None
    found, drawn = asyncio.run(_checked(video, song, draw=sheet is not None))
    if sheet is not None:
        sheet.write_bytes(drawn)
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        show_check(found, video.name)
    return 0


def _writable(path: Path, *inputs: Path) -> Path:
    out = path.absolute()
    hint = "Choose another place with --sheet."
    if any(out.exists() and out.samefile(one) for one in inputs):
        raise Permanent("bad_options", f"{out} would overwrite what is checked.", hint=hint)
    if not out.parent.is_dir() or out.is_dir():
        raise Permanent("bad_options", f"{out} can't be written.", hint=hint)
    return out


async def _checked(video: Path, song: Path, *, draw: bool) -> tuple[Check, bytes]:
    """The findings; the contact sheet, empty unless it is to be drawn."""
    try:
        check_song_file(video, MAX_VIDEO_BYTES)
    except Permanent as error:
        if error.code == "not_media":
            raise Permanent("not_media", NO_VIDEO, hint=VIDEO_HINT) from error
        raise
    async with WorkerPool(2) as pool:
        analysis = await _analysis(pool, song)
        film, heard = await asyncio.gather(
            _in_child(pool, watch_film, str(video), timeout_s=WATCH_TIMEOUT_S, on_progress=_progress()),
            _in_child(pool, listen, str(video), str(song), timeout_s=LISTEN_TIMEOUT_S),
        )
        found = findings(film, heard, analysis)
        if not draw:
            return found, b""
        times, size = wanted_shots(film)
        shots = await _in_child(pool, film_shots, str(video), times, size, film.turned, timeout_s=WATCH_TIMEOUT_S)
        drawn = check_sheet(found, shots, name=video.name, film=film, heard=heard, song=analysis)
        return found, (await pool.run(draw_sheet, drawn, timeout_s=DRAW_TIMEOUT_S)).value


async def _analysis(pool: WorkerPool, song: Path) -> Analysis:
    from services.analyzer.analyze import analyze

    await probe_song(song, pool)
    return (await pool.run(analyze, song, None, timeout_s=LISTEN_TIMEOUT_S)).value


async def _in_child(
    pool: WorkerPool, work: Callable[..., T], *args: object, timeout_s: float, on_progress: Progress | None = None
) -> T:
    """Raises Permanent("not_media") where a child dies of a file, or never comes to an end."""
    try:
        return (await pool.run(work, *args, timeout_s=timeout_s, on_progress=on_progress)).value
    except Permanent as error:
        error.hint = VIDEO_HINT if error.code == "not_media" else error.hint
        raise
    except Retryable as error:
        if error.code in ("timeout", "unexpected"):
            raise Permanent("not_media", "Decoding the video takes too much time or memory.") from error
        raise


def _progress() -> Progress | None:
    """Shows on a terminal's stderr how far it is."""
    if not sys.stderr.isatty():
        return None

    def show(fraction: float, message: str) -> None:
        end = "\r\033[K" if fraction >= 1 else ""
        sys.stderr.write(f"\r{message} {fraction:4.0%}{end}")
        sys.stderr.flush()

    return show
