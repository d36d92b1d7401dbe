"""The command line `beatloom`. Imports what a command needs when it is called, so that --help is quick.

Exit codes: 0 done, 1 something is missing (doctor), 2 bad input, 3 failed, 130 cancelled.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.contracts.jobs import STYLES, LyricsStyle
from services.standalone.admin_words import add_admin
from services.standalone.backends import BACKENDS

DONE, MISSING, BAD_INPUT, FAILED, CANCELLED = 0, 1, 2, 3, 130

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code. Errors become two lines for people, never a traceback.

    With --json stdout gets them as an object too, in place of the result.
    """
    arguments = parser().parse_args(argv)
    command: Command = arguments.command
    try:
        return command(arguments)
    except KeyboardInterrupt:
        return CANCELLED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        known = error if isinstance(error, BeatloomError) else unexpected(error)
        complain(known)
        if getattr(arguments, "json", False):
            sys.stdout.write(json.dumps({"error": told(known)}) + "\n")
        return exit_code_of(known)


def exit_code_of(error: BeatloomError) -> int:
    """2 for what the caller has to change, 3 for what went wrong on the way."""
    return BAD_INPUT if isinstance(error, Permanent) and error.entry.status < 500 else FAILED


def unexpected(error: Exception) -> BeatloomError:
    """What is told of an error that nobody foresaw."""
    message = f"{type(error).__name__}: {error}"
    return Retryable("unexpected", message, hint="Set BEATLOOM_LOG_LEVEL=debug to see where, and report it.")


def told(error: BeatloomError) -> dict[str, str]:
    """The error as it stands in JSON."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def complain(error: BeatloomError) -> None:
    """Two lines on stderr, the code with them; with BEATLOOM_LOG_LEVEL=debug the traceback before them."""
    if os.environ.get("BEATLOOM_LOG_LEVEL") == "debug":
        traceback.print_exc()
    sys.stderr.write(f"error: {_line(error.message)} ({error.code})\nhint: {_line(error.hint)}\n")


def _line(text: str) -> str:
    """One line that a terminal only shows: names of files may hold anything."""
    return " ".join("".join(char if char.isprintable() or char.isspace() else "\ufffd" for char in text).split())


def _render(arguments: argparse.Namespace) -> int:
    from services.standalone.render import render

    return render(arguments)


def _up(arguments: argparse.Namespace) -> int:
    from services.standalone.up import up

    return up(arguments)


def _analyze(arguments: argparse.Namespace) -> int:
    from services.standalone.documents import analyze

    return analyze(arguments)


def _plan(arguments: argparse.Namespace) -> int:
    from services.standalone.documents import plan

    return plan(arguments)


def _check(arguments: argparse.Namespace) -> int:
    from services.standalone.check import check

    return check(arguments)


def _doctor(arguments: argparse.Namespace) -> int:
    from services.standalone.doctor import doctor

    return doctor(arguments)


def _estimate(arguments: argparse.Namespace) -> int:
    from services.standalone.estimate import estimate

    return estimate(arguments)


def _dead(arguments: argparse.Namespace) -> int:
    from services.standalone.dead import dead

    return dead(arguments)


def _admin(arguments: argparse.Namespace) -> int:
    from services.standalone.admin import admin

    return admin(arguments)


def _workflows(arguments: argparse.Namespace) -> int:
    from services.standalone.workflows import workflows

    return workflows(arguments)


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="beatloom", description="A song or a script in, a finished video out.")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    render = commands.add_parser("render", help="make a video of a song, or of a script")
    render.set_defaults(command=_render)
    render.add_argument(
        "song", type=Path, nargs="?", metavar="SONG", help="MP3, M4A, WAV, FLAC, OGG, or the sound of a video"
    )
    render.add_argument("--image", type=Path, metavar="F", help="theme picture: JPEG, PNG or WebP")
    render.add_argument("--prompt", default="", metavar="TEXT", help="what the video should look like")
    render.add_argument("--lyrics", type=Path, metavar="F", help="lyrics as .lrc, .srt or plain text")
    render.add_argument(
        "-o", "--output", type=Path, metavar="OUT.mp4", help="default: SONG.beatloom.mp4 in this folder"
    )
    render.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep analysis, storyboard, poster, sheet and clips there"
    )
    render.add_argument(
        "--preview", action="store_true", help="a small, quick one of the same video: SONG.preview.mp4"
    )
    render.add_argument("--json", action="store_true", help="one object on stdout; progress goes to stderr")
    _add_script(render)
    _add_options(render)
    _add_backends(render)

    up = commands.add_parser("up", help="run the whole stack on this machine")
    up.set_defaults(command=_up)
    up.add_argument("--host", metavar="ADDRESS", help="where the API listens (default 127.0.0.1)")
    up.add_argument("--port", type=int, metavar="N", help="default 8080; 0: a free one")
    up.add_argument("--data-dir", type=Path, metavar="DIR", help="where everything is kept")

    analyze = commands.add_parser("analyze", help="what is heard in a song: beats, sections, energy, key")
    analyze.set_defaults(command=_analyze)
    analyze.add_argument("song", type=Path, metavar="SONG")
    analyze.add_argument("--lyrics", type=Path, metavar="F", help="lyrics as .lrc, .srt or plain text")
    analyze.add_argument("--json", action="store_true", help="the whole analysis as JSON")

    plan = commands.add_parser("plan", help="the storyboard for a song, in whole frames")
    plan.set_defaults(command=_plan)
    plan.add_argument("song", type=Path, metavar="SONG")
    plan.add_argument(
        "--analysis", type=Path, metavar="F.json", help="what `analyze --json` printed; not heard again"
    )
    plan.add_argument("--image", type=Path, metavar="F", help="theme picture: JPEG, PNG or WebP")
    plan.add_argument("--prompt", default="", metavar="TEXT", help="what the video should look like")
    plan.add_argument("--lyrics", type=Path, metavar="F", help="lyrics as .lrc, .srt or plain text")
    plan.add_argument("--json", action="store_true", help="the whole storyboard as JSON")
    _add_options(plan)

    check = commands.add_parser("check", help="measure any video against its song: cuts, sound, flashes, motion")
    check.set_defaults(command=_check)
    check.add_argument("video", type=Path, metavar="VIDEO", help="MP4, MOV, MKV, WebM, AVI, ... of any tool")
    check.add_argument("--song", type=Path, required=True, metavar="SONG", help="the song that it is made for")
    check.add_argument("--sheet", type=Path, metavar="F.jpg", help="draw a contact sheet there")
    check.add_argument("--json", action="store_true", help="all that was measured, as one object")

    doctor = commands.add_parser("doctor", help="what is here, what is missing, how to get it")
    doctor.set_defaults(command=_doctor)

    _add_estimate(commands.add_parser("estimate", help="what a video would take on a running stack"))
    _add_dead(commands.add_parser("dead", help="work that a running stack has given up"))
    _add_admin(commands.add_parser("admin", help="run an installation: users, money, queues, GPU servers"))
    _add_workflows(commands.add_parser("workflows", help="ComfyUI workflows, and which server can run which"))
    return top


def _add_options(command: argparse.ArgumentParser) -> None:
    """What `libs.contracts.jobs.JobOptions` knows; it checks the values."""
    command.add_argument("--style", default="auto", metavar="NAME", help=f"one of {', '.join(STYLES)}")
    command.add_argument("--aspect", default="16:9", choices=("16:9", "9:16", "1:1", "4:5"))
    command.add_argument("--height", type=int, default=1080, metavar="N", help="the shorter side (default 1080)")
    command.add_argument("--fps", default="30", metavar="N", help="frames a second: 30, 29.97, 24000/1001")
    command.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same pictures")
    command.add_argument("--title", default="", metavar="TEXT", help="default: the title in the song's tags")
    command.add_argument(
        "--lyrics-style",
        default="auto",
        choices=get_args(LyricsStyle),
        help="how lyrics are shown: as captions, as type in the picture (line, stack, sweep), or not at all",
    )


def _add_script(command: argparse.ArgumentParser) -> None:
    told = command.add_argument_group("narrated videos", "In place of a song: a text that a voice speaks.")
    told.add_argument(
        "--script", type=Path, metavar="F.txt", help="what is said: UTF-8 text, paragraph by paragraph"
    )
    told.add_argument("--music", type=Path, metavar="F", help="music under the voice")
    told.add_argument(
        "--music-prompt", default="", metavar="TEXT", help="what GPU servers make as music, as in: calm piano"
    )
    told.add_argument(
        "--prompts", type=Path, metavar="F.txt", help="what the scenes show, a line for each, in their order"
    )
    told.add_argument("--voice", default="", metavar="NAME", help="who speaks (default: BEATLOOM_GENERATOR_VOICE)")
    told.add_argument(
        "--speed", type=float, metavar="N", help="how fast: 0.5 to 2 (default 1, the voice's own pace)"
    )
    told.add_argument(
        "--language", default="", metavar="CODE", help="of the script, as in de (default: the voice's own)"
    )


def _add_backends(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--backend",
        default="auto",
        choices=BACKENDS,
        help="who makes the clips: this machine (builtin), ComfyUI servers, or these where they are named (auto)",
    )
    command.add_argument(
        "--comfyui-url",
        action="append",
        default=[],
        metavar="URL[,URL]",
        help="ComfyUI servers (default: BEATLOOM_GENERATOR_COMFYUI_URLS); may be repeated",
    )
    command.add_argument(
        "--workflow",
        action="append",
        default=[],
        metavar="NAME[,NAME]",
        help="workflows for clips, tried in this order; `builtin` stands for this machine",
    )
    command.add_argument(
        "--no-fill",
        action="store_false",
        dest="fill",
        help="fail when a scene can't be made by the servers, instead of drawing it on this machine",
    )


def _add_dead(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_dead)
    command.add_argument("action", choices=("list", "show", "replay", "drop"))
    command.add_argument("id", nargs="?", default="", metavar="ID")
    command.add_argument("--url", default="", help="the stack's address (default: the one that runs here)")


def _add_estimate(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_estimate)
    command.add_argument("song", type=Path, nargs="?", metavar="SONG", help="its length is sent, not the song")
    command.add_argument("--preview", action="store_true", help="of a small, quick one")
    command.add_argument("--url", default="", help="the stack's address (default: the one that runs here)")
    command.add_argument("--json", action="store_true", help="one object on stdout")
    _add_script(command)
    _add_options(command)
    command.set_defaults(prompt="")


def _add_admin(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_admin)
    add_admin(command)


def _add_workflows(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_workflows)
    command.add_argument("action", choices=("list", "check"))
    command.add_argument("names", nargs="*", metavar="NAME", help="default: all of them")
    command.add_argument(
        "--server", action="append", default=[], metavar="URL", help="a ComfyUI server to check; may be repeated"
    )
    command.add_argument(
        "--object-info",
        type=Path,
        metavar="F.json",
        help="check against what a server answered to GET /object_info",
    )
    command.add_argument(
        "--selftest", action="store_true", help="have each server make a tiny clip, without a model"
    )
    command.add_argument("--folder", type=Path, metavar="DIR", help="workflows of your own, besides ours")
    command.add_argument("--json", action="store_true", help="one object on stdout")
