"""What the API answers operators, as tables for people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Answer = Mapping[str, Any]
GIB = 1 << 30


def show(action: str, answer: Answer) -> None:
    """Print the answer to an action."""
    for line in _SHOWN[action](answer):
        sys.stdout.write(f"{line}\n")


def _queues(answer: Answer) -> Iterable[str]:
    if answer["lanes"] is None:
        yield "The bus doesn't answer: what waits there is not known."
    lanes = [lane for lane in answer["lanes"] or () if lane["waiting"] or lane["in_work"]]
    yield from _table(
        ("kind", "priority", "waiting", "in work", "given again", "oldest"),
        [
            (
                lane["kind"],
                lane["priority"],
                lane["waiting"],
                lane["in_work"],
                lane["redelivered"],
                _age(lane["oldest_at"]),
            )
            for lane in lanes
        ],
        "Nothing is in the queues.",
    )
    tasks = [(one["kind"], one["count"], _age(one["oldest_at"])) for one in answer["open"] if one["count"]]
    yield from _table(("kind", "not answered", "oldest"), tasks, "No task is open.")
    outbox = answer["outbox"]
    yield f"outbox: {outbox['waiting']} {_age(outbox['oldest_at'])}".rstrip()
    yield f"jobs: {answer['running_jobs']} run, {answer['waiting_jobs']} of them wait for a turn or for money"


def _pool(answer: Answer) -> Iterable[str]:
    rows = [
        (
            one["server"],
            one["device"],
            f"{one['memory_free'] / GIB:.0f} of {one['memory'] / GIB:.0f} GB free" if one["memory"] else "",
            one["standing"],
            one["running"],
            one["pending"],
            one["loaded"],
            f"by {one['leave_it']} of {one['generators']}" if one["drained_at"] else "",
        )
        for one in answer["servers"]
    ]
    names = ("server", "device", "memory", "standing", "running", "queue", "loaded", "left alone")
    yield from _table(names, rows, "No GPU server is known.")
    yield f"generators that answered: {answer['generators']}; work that waits for a server: {answer['waiting']}"


def _intake(answer: Answer) -> Iterable[str]:
    if not answer["paused"]:
        yield "New orders are taken."
        return
    reason = f": {answer['reason']}" if answer["reason"] else ""
    yield f"No new orders since {_when(answer['paused_at'])}, by {answer['paused_by']}{_plain(reason)}"


def _sweep(answer: Answer) -> Iterable[str]:
    yield _kept(answer, "tasks were published again")


def _retention(answer: Answer) -> Iterable[str]:
    yield _kept(answer, "things were removed")


def _kept(answer: Answer, what: str) -> str:
    return "It goes on; ask again for its end." if answer["state"] == "running" else f"{answer['count']} {what}"


def _figures(answer: Answer) -> Iterable[str]:
    rows = [
        (
            one["backend"],
            one["workflow"],
            one["scenes"],
            f"{one['median_seconds']:.1f} s",
            f"{one['median_gpu_seconds']:.1f} s",
            _score(one["average_quality"]),
            _score(one["average_score"]),
        )
        for one in answer["by"]
    ]
    names = ("backend", "workflow", "scenes", "median", "median GPU", "quality", "score")
    yield from _table(names, rows, f"No scene was made in {answer['days']} days.")


def _spending(answer: Answer) -> Iterable[str]:
    rows = [
        (
            one["email"] or one["owner"],
            one["month"],
            one["project_id"] or one["job_id"] or one["kind"] or "",
            f"{one['cost']:.2f}",
            f"{one['reserved']:.2f}",
            f"{one['gpu_seconds']:.0f} s",
            one["characters"],
            one["tokens"],
        )
        for one in answer["spending"]
    ]
    names = ("user", "month", "of it", "spent", "reserved", "GPU", "characters", "tokens")
    yield from _table(names, rows, "Nothing was spent.")


def _audit(answer: Answer) -> Iterable[str]:
    rows = [
        (
            line["id"],
            _when(line["at"]),
            line["actor"],
            line["means"],
            line["action"],
            line["subject"],
            ", ".join(f"{name} {_told(told)}" for name, told in line["detail"].items()),
        )
        for line in answer["lines"]
    ]
    yield from _table(("id", "when", "who", "by", "what", "to what", ""), rows, "The log has no such line.")
    yield from _more(answer, answer["lines"])


def _users(answer: Answer) -> Iterable[str]:
    rows = [
        (
            one["id"],
            one["email"],
            one["role"],
            "" if one["enabled"] else "disabled",
            _cap(one),
            _when(one["last_login_at"]) if one["last_login_at"] else "never",
        )
        for one in answer.get("users", [answer] if "id" in answer else [])
    ]
    yield from _table(("id", "email", "role", "", "a month", "last login"), rows, "There are no users.")
    yield from _more(answer, answer.get("users", ()))


def _more(answer: Answer, page: Sequence[Answer]) -> Iterable[str]:
    """How older ones are seen, where there may be any."""
    if answer.get("next"):
        yield f"older ones: --before {page[-1]['id']}"


def _budget(answer: Answer) -> Iterable[str]:
    cap = ", no cap" if answer["cap"] is None else f" of {answer['cap']:.2f}"
    spent, reserved, currency = answer["spent"], answer["reserved"], answer["currency"]
    yield f"{answer['month']}: {spent:.2f} {currency} spent{cap}, {reserved:.2f} reserved"


def _approve(answer: Answer) -> Iterable[str]:
    for one in answer["raised"]:
        yield f"the cap of the {one['scope']} was raised by {one['by']:.2f}"
    yield f"job {answer['job_id']} is {answer['status']}"


def _holdings(answer: Answer) -> Iterable[str]:
    yield from (f"{name.replace('_', ' '):17} {count}" for name, count in answer.items() if name != "confirm")
    yield f"delete all this with --confirm {answer['confirm']}"


def _deletion(answer: Answer) -> Iterable[str]:
    yield f"deletion {answer['id']} is {answer['status']}; GET {answer['link']} follows it"


def _cap(user: Answer) -> str:
    if "month_cap" not in user:
        return "as usual"
    return "no cap" if user["month_cap"] is None else f"{user['month_cap']:.2f}"


def _table(names: Sequence[str], rows: Sequence[Sequence[object]], nothing: str) -> Iterable[str]:
    """Columns as wide as what stands in them: ids are there to be copied."""
    if not rows:
        yield nothing
        return
    lines = [names, *([_plain(str(cell)) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(map(str.ljust, line, widths)).rstrip()


def _plain(text: str) -> str:
    """What a terminal only shows."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _told(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "none" if value is None else str(value)


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _when(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _age(text: str | None) -> str:
    if text is None:
        return ""
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()))
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


_SHOWN: dict[str, Callable[[Answer], Iterable[str]]] = {
    "queues": _queues,
    "pool": _pool,
    "intake": _intake,
    "pause": _intake,
    "resume": _intake,
    "sweep": _sweep,
    "retention": _retention,
    "figures": _figures,
    "spending": _spending,
    "audit": _audit,
    "approve": _approve,
    "budget": _budget,
    "holdings": _holdings,
    "deletion": _deletion,
    "users": _users,
}
"""By action."""
