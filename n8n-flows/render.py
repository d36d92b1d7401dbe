#!/usr/bin/env python3
"""Fills the addresses of one installation into the flows, ready for `n8n import:workflow`. Standard library only.

    python3 n8n-flows/render.py build/flows --frontend http://frontend:3000/webhooks/beatloom
    n8n import:workflow --separate --input=build/flows

n8n keeps `$env` from expressions, so addresses can't be settings of n8n.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

FLOWS = Path(__file__).resolve().parent
PLACEHOLDER = re.compile(r"__[A-Z_]+__")
_PLAIN = re.compile(r"[\w.~:/?&=%@\[\]+-]+", re.ASCII)
"""What may stand inside an expression of n8n and stay the text that it is."""
MAX_WAIT_MINUTES = 7 * 24 * 60


def address(text: str) -> str:
    """An http(s) address without a slash at its end. Raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _PLAIN.fullmatch(text):
        raise ValueError(f"{text!r} is no plain http address")
    return text.rstrip("/")


def folder(text: str) -> str:
    """An absolute path as n8n sees it, without a slash at its end. Raises ValueError."""
    if not text.startswith("/") or not _PLAIN.fullmatch(text):
        raise ValueError(f"{text!r} is no plain absolute path")
    return text.rstrip("/")


def minutes(text: str) -> str:
    """Whole minutes, from 1 to a week. Raises ValueError."""
    if not 1 <= int(text) <= MAX_WAIT_MINUTES:
        raise ValueError(f"{text!r} is not between 1 and {MAX_WAIT_MINUTES}")
    return text


def filled(part: object, values: Mapping[str, str]) -> object:
    """A part of a flow with its placeholders filled in. Raises KeyError for one that has no value."""
    if isinstance(part, dict):
        return {name: filled(inner, values) for name, inner in part.items()}
    if isinstance(part, list):
        return [filled(inner, values) for inner in part]
    if isinstance(part, str):
        return PLACEHOLDER.sub(lambda found: values[found.group()], part)
    return part


def arguments() -> argparse.ArgumentParser:
    """What can be told."""
    parser = argparse.ArgumentParser(description="Writes the flows with the addresses of your installation.")
    parser.add_argument("out", type=Path, metavar="FOLDER", help="where the flows are written")
    parser.add_argument(
        "--api",
        type=address,
        default="http://beatloom:8080/api/v1",
        metavar="URL",
        help="Beatloom's API as n8n reaches it (default: %(default)s)",
    )
    parser.add_argument(
        "--frontend",
        type=address,
        default="http://frontend:3000/webhooks/beatloom",
        metavar="URL",
        help="who is told of genuine events (default: %(default)s)",
    )
    parser.add_argument(
        "--files",
        type=folder,
        default="/home/node/.n8n-files",
        metavar="FOLDER",
        help="where n8n saves videos and finds the webhook secret (default: %(default)s)",
    )
    parser.add_argument(
        "--wait-minutes",
        type=minutes,
        default="120",
        metavar="N",
        help="how long create-and-wait waits (default: %(default)s)",
    )
    return parser


def main() -> int:
    """Write each flow."""
    told = arguments().parse_args()
    values = {
        "__BEATLOOM_API__": told.api,
        "__FRONTEND_WEBHOOK__": told.frontend,
        "__FILES__": told.files,
        "__WAIT_MINUTES__": told.wait_minutes,
    }
    told.out.mkdir(parents=True, exist_ok=True)
    for source in sorted(FLOWS.glob("*.json")):
        flow = filled(json.loads(source.read_text(encoding="utf-8")), values)
        target = told.out / source.name
        target.write_text(json.dumps(flow, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
