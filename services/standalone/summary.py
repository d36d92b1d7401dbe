"""What `beatloom render` says at its end."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions
from libs.contracts.report import Report, Telling
from libs.contracts.tasks import Takes
from services.standalone.order import Order


def summary(order: Order, seconds: float, seed: int | None) -> str:
    """Two lines: what was made and where, and what the report found. A third says what GPU servers made.

    A preview's last line says how to go on.
    """
    try:
        report = msgspec.json.decode(order.report.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError) as error:
        raise Permanent("unexpected", f"The report {order.report} can't be read.") from error
    made = f"{report.width} x {report.height}, {report.duration:.1f} s, made in {seconds:.0f} s"
    found = _told(report.telling) if report.telling else _on_beat(report.cut_beat_median_ms)
    cuts = f", {len(report.cuts)} cuts{found}"
    lines = "\n".join((f"{order.out}\n{made}{cuts}; report: {order.report.name}", *_takes(report, order)))
    if not report.preview or seed is None:
        return lines
    return f"{lines}\nthis was a preview of seed {seed}; the whole video: {whole_command(order, seed)}"


def _on_beat(median_ms: float | None) -> str:
    return "" if median_ms is None else f", {median_ms:.0f} ms from the beat (median)"


def _told(telling: Telling) -> str:
    pauses = "" if telling.cuts_in_pauses is None else f", {telling.cuts_in_pauses:.0%} of them in pauses"
    shown = "" if telling.word_worst_ms is None else f", shown within {telling.word_worst_ms:.0f} ms"
    return f"{pauses}, {telling.words} words{shown}"


def _takes(report: Report, order: Order) -> Iterator[str]:
    if not order.backends.servers or report.preview:
        return
    made = ", ".join(_made(takes) for stage in report.stages for takes in stage.takes)
    seconds = sum(stage.gpu_seconds for stage in report.stages)
    cost = sum(stage.cost for stage in report.stages)
    yield f"scenes: {made}; {seconds:.1f} s of GPU time" + (f", cost {cost:.2f}" if cost else "")


def _made(takes: Takes) -> str:
    by = f"{takes.backend} ({takes.workflow})" if takes.workflow else takes.backend
    return f"{takes.scenes} by {by}{' (fallback)' if takes.fallback else ''}"


def whole_command(order: Order, seed: int) -> str:
    """The command that renders in full what was seen in a preview."""
    words = ["beatloom", "render"]
    script = order.script
    files = {"image": order.image, "lyrics": order.lyrics}
    if script is not None:
        files |= {"script": script.path, "music": order.song, "prompts": script.prompts}
    words += [f"--{name}={path}" for name, path in files.items() if path]
    words += [f"--language={script.said.language}"] if script and script.said.language else []
    usual = JobOptions()
    for name in ("prompt", "title", "style", "lyrics_style", "aspect", "height", "fps", "voice", "speed"):
        value = getattr(order.options, name)
        if value != getattr(usual, name):
            words.append(f"--{name.replace('_', '-')}={value}")
    words += [f"--music-prompt={order.options.music}"] if order.options.music else []
    words += order.backends.words
    words += [] if order.options.fill else ["--no-fill"]
    words.append(f"--seed={seed}")
    return shlex.join(words if script else [*words, "--", str(order.song)])
