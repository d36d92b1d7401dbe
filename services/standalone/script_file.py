"""A script and the prompts of its scenes, as files on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.scripts import MAX_PROMPTS, MAX_SCRIPT_CHARS, Script
from services.standalone.options import existing_file

MAX_BYTES = 4 * MAX_SCRIPT_CHARS
"""A character of UTF-8 has four bytes at most."""


class ScriptFile(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told, and where it was read. Paths are absolute."""

    path: Path
    prompts: Path | None
    said: Script


def read_script_file(arguments: argparse.Namespace) -> ScriptFile | None:
    """What `--script`, `--prompts` and `--language` name; None without a script.

    Raises `Permanent`: not_found, bad_script, bad_options.
    """
    if arguments.script is None:
        return None
    path = existing_file(arguments.script, "script")
    prompts = existing_file(arguments.prompts, "file of prompts") if arguments.prompts else None
    said = Script(text=_text(path, "script"), prompts=_prompts(prompts), language=arguments.language)
    return ScriptFile(path=path, prompts=prompts, said=said)


def _prompts(path: Path | None) -> tuple[str, ...]:
    """One for each line; an empty one leaves that scene to the planner."""
    if path is None:
        return ()
    lines = tuple(line.strip() for line in _text(path, "file of prompts").rstrip().split("\n"))
    if len(lines) > MAX_PROMPTS:
        raise Permanent("bad_options", f"--prompts: {path.name} has more than {MAX_PROMPTS} lines.")
    return lines


def _text(path: Path, what: str) -> str:
    hint = f"Save the {what} as UTF-8 text, of {MAX_SCRIPT_CHARS:,} characters at most."
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) <= MAX_BYTES:
            raise Permanent("bad_script", f"The {what} {path} is not UTF-8 text.", hint=hint) from error
        text = ""
    if len(data) > MAX_BYTES or len(text) > MAX_SCRIPT_CHARS:
        raise Permanent("bad_script", f"The {what} {path} is too long.", hint=hint)
    return text.replace("\r\n", "\n").replace("\r", "\n")
