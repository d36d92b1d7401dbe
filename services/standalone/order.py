"""What `beatloom render` was asked for, checked as far as that goes without decoding anything."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions, check_means
from services.standalone.backends import URLS, Backends, chosen_backends
from services.standalone.options import existing_file, job_options
from services.standalone.script_file import ScriptFile, read_script_file

MAX_STEM_BYTES = 200


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Files are absolute paths; the song, the script, the picture and the lyrics exist and can be read."""

    song: Path | None
    """With a script: the music under the voice, if any."""
    script: ScriptFile | None
    image: Path | None
    lyrics: Path | None
    options: JobOptions
    backends: Backends
    """For the whole video; previews are drawn on this machine."""
    out: Path
    report: Path
    sheet: Path
    keep: Path | None


def read_order(arguments: argparse.Namespace) -> Order:
    """Raises `Permanent`: not_found, bad_script, bad_options, and what settings raise."""
    _check_sources(arguments)
    script = read_script_file(arguments)
    song = _song(arguments)
    image = existing_file(arguments.image, "picture") if arguments.image else None
    lyrics = existing_file(arguments.lyrics, "lyrics file") if arguments.lyrics else None
    options = job_options(arguments)
    backends = chosen_backends(arguments, os.environ)
    if options.music and not backends.servers:
        hint = f"Name one: --comfyui-url http://HOST:8188, or set {URLS}."
        raise Permanent("bad_options", "--music-prompt: music is made on ComfyUI servers.", hint=hint)
    named_after = script.path if script else arguments.song
    out = (arguments.output or Path(default_name(named_after, preview=options.preview))).absolute()
    report, sheet = report_path(out), sheet_path(out)
    _check_out(out, {song, image, lyrics, *((script.path, script.prompts) if script else ())} - {None})
    keep = arguments.keep.absolute() if arguments.keep else None
    if keep is not None:
        _check_keep(keep)
    # A title may still come from the song's tags: ingest reads them.
    words = lyrics is not None or script is not None
    check_means(options.style, picture=image is not None, title=True, lyrics=words)
    return Order(
        song=song,
        script=script,
        image=image,
        lyrics=lyrics,
        options=options,
        backends=backends,
        out=out,
        report=report,
        sheet=sheet,
        keep=keep,
    )


def _check_sources(arguments: argparse.Namespace) -> None:
    """A song or a script, and with each only what goes with it."""
    hint = "See `beatloom render --help`."
    if arguments.script is None:
        if arguments.song is None:
            raise Permanent("bad_options", "Neither a song nor a script was named.", hint=hint)
        for name in ("music", "music_prompt", "prompts", "voice", "speed", "language"):
            if getattr(arguments, name) not in (None, ""):
                raise Permanent("bad_options", f"--{name.replace('_', '-')} goes with --script.", hint=hint)
    elif arguments.song is not None:
        raise Permanent("bad_options", f"A song and a script: --music={arguments.song} puts it under the voice.")
    elif arguments.lyrics is not None:
        raise Permanent("bad_options", "--lyrics goes with a song: a script is its own captions.", hint=hint)
    elif arguments.music is not None and arguments.music_prompt:
        raise Permanent("bad_options", "--music or --music-prompt: one of them can lie under the voice.", hint=hint)


def _song(arguments: argparse.Namespace) -> Path | None:
    if arguments.script is None:
        return existing_file(arguments.song, "song")
    return existing_file(arguments.music, "music") if arguments.music else None


def default_name(song: Path, *, preview: bool = False) -> str:
    """`song.beatloom.mp4` or `song.preview.mp4`; a very long name is cut so that the file system takes it."""
    stem = os.fsdecode(os.fsencode(song.stem)[:MAX_STEM_BYTES])
    return f"{stem}.{'preview' if preview else 'beatloom'}.mp4"


def report_path(out: Path) -> Path:
    """`x.mp4` has its report in `x.report.json`."""
    return out.with_name(out.name.removesuffix(".mp4") + ".report.json")


def sheet_path(out: Path) -> Path:
    """`x.mp4` has its contact sheet in `x.sheet.jpg`."""
    return out.with_name(out.name.removesuffix(".mp4") + ".sheet.jpg")


def _check_out(out: Path, inputs: set[Path | None]) -> None:
    hint = "Choose another place with -o."
    try:
        if not out.parent.is_dir():
            raise Permanent("bad_options", f"There is no folder {out.parent}.", hint=hint)
        for path in (out, report_path(out), sheet_path(out)):
            with suppress(FileNotFoundError):
                path.lstat()  # from Python 3.14 on, is_dir and exists hide that a name is too long
            if path.is_dir():
                raise Permanent("bad_options", f"{path} is a folder.", hint=hint)
            if any(source is not None and path.exists() and path.samefile(source) for source in inputs):
                raise Permanent("bad_options", f"{path} would overwrite what it is made of.", hint=hint)
            if os.path.lexists(path) and not path.is_file():
                raise Permanent("bad_options", f"{path} is there already, and is no file.", hint=hint)
        _try_to_write(out.parent)
    except OSError as error:
        raise Permanent("bad_options", f"{out} can't be written: {error.strerror}.", hint=hint) from error


def _check_keep(keep: Path) -> None:
    hint = "Give a folder with --keep."
    try:
        place = next(folder for folder in (keep, *keep.parents) if os.path.lexists(folder))
        if not place.is_dir():
            raise Permanent("bad_options", f"{place} is not a folder.", hint=hint)
        _try_to_write(place)
    except OSError as error:
        raise Permanent("bad_options", f"{keep} can't be written to: {error.strerror}.", hint=hint) from error


def _try_to_write(folder: Path) -> None:
    """Raises the OSError that a file in this folder would end in; leaves nothing. Permissions alone don't tell."""
    with TemporaryFile(dir=folder):
        pass
