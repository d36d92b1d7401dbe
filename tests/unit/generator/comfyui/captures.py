"""What real servers said (0.33.0, and 0.3.64 where the name says so), without headers and tracebacks."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "captured"


def captured(name: str) -> Any:
    """A file of one JSON value."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def frames(name: str) -> list[str | bytes]:
    """The frames of a websocket transcript, as they came; binary ones without their bytes left out."""
    lines = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
    return [
        json.dumps(line["json"]) if line["kind"] == "text" else base64.b64decode(line["base64"])
        for line in lines
        if line["kind"] == "text" or line.get("base64")
    ]


def only_history(name: str) -> tuple[str, Any]:
    """The prompt id of a captured /history/{id}, and the body."""
    body = captured(name)
    (prompt_id,) = body
    return prompt_id, body
