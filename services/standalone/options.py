"""What the command line was given, as the options of a job."""

from __future__ import annotations

import argparse
import stat
from pathlib import Path
from typing import Any

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions, check_style
from libs.media.frames import parse_fps


def job_options(arguments: argparse.Namespace) -> JobOptions:
    """The options, checked as the API checks them. Raises Permanent("bad_options")."""
    names = ("prompt", "style", "aspect", "height", "fps", "seed", "title", "lyrics_style")
    given: dict[str, Any] = {name: getattr(arguments, name) for name in names}
    given["preview"] = getattr(arguments, "preview", False)
    given["fill"] = getattr(arguments, "fill", True)
    given["voice"] = getattr(arguments, "voice", "")
    given["music"] = getattr(arguments, "music_prompt", "") or ""
    speed = getattr(arguments, "speed", None)
    given["speed"] = 1.0 if speed is None else speed
    hint = "See `beatloom render --help`."
    for option, check, value in (("fps", parse_fps, arguments.fps), ("style", check_style, arguments.style)):
        try:
            check(value)
        except Permanent as error:
            raise Permanent("bad_options", f"--{option}: {error.message}", hint=hint) from error
    try:
        return msgspec.convert(given, JobOptions)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        option = where.rstrip("`").replace("music", "music-prompt")
        raise Permanent("bad_options", f"--{option}: {what}.", hint=hint) from error


def existing_file(path: Path, what: str) -> Path:
    """The file, absolute. Raises Permanent("not_found") when it isn't there, is no file, or can't be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            raise Permanent("not_found", f"The {what} {path} is no file.", hint="Check the path.")
        with path.open("rb"):
            return path.absolute()
    except OSError as error:
        raise Permanent(
            "not_found", f"The {what} {path} can't be read: {error.strerror}.", hint="Check the path."
        ) from error
