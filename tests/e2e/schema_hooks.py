"""What schemathesis is told (SCHEMATHESIS_HOOKS): the requests of each operation come from four in turn, half of
them about one user's things, which nobody else may be shown."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from typing import Any
from zlib import crc32

import schemathesis

TOLD = "BEATLOOM_TEST_CALLERS"
"""The variable with `Callers` as JSON: tokens by name, "" for a stranger; ids by parameter; a word of Ada's."""

_told: dict[str, Any] = json.loads(os.environ.get(TOLD, "{}"))
_names: list[str] = sorted(_told.get("tokens", ()))
_asked: Counter[str] = Counter()
_lock = threading.Lock()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Choose who asks, and about what: always the same way. Values come from answers too: Ada says her words."""
    label = case.operation.label
    with _lock:
        turn = _asked[label] = _asked[label] + 1
    sent = repr((case.body, case.query, case.path_parameters))
    who = "ada" if _told["word"] in sent else _names[(turn + crc32(label.encode())) % len(_names)]
    token = _told["tokens"][who]
    case.headers.pop("Authorization", None)
    if token:
        case.headers["Authorization"] = f"Bearer {token}"
    if crc32(f"{label} {turn}".encode()) % 2 and (who, case.method) != ("ada", "DELETE"):
        things = _told["things"]
        case.path_parameters.update({name: things[name] for name in case.path_parameters if name in things})


@schemathesis.check
def nothing_of_anothers(context: Any, response: Any, case: Any) -> None:
    """No answer to anybody else holds what only Ada has written, nor does one that lets a stranger in."""
    if case.headers.get("Authorization") == f"Bearer {_told['tokens']['ada']}":
        return
    assert _told["word"].encode() not in response.content, "it tells somebody what is Ada's"
