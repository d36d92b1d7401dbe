"""What `beatloom render` says at its end."""

from __future__ import annotations

import shlex

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions
from libs.contracts.report import Report
from services.standalone.order import Order


def summary(order: Order, seconds: float, seed: int | None) -> str:
    """Two lines: what was made and where, and what the report found. A preview has a third: how to go on."""
    try:
        report = msgspec.json.decode(order.report.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError) as error:
        raise Permanent("unexpected", f"The report {order.report} can't be read.") from error
    made = f"{report.width} x {report.height}, {report.duration:.1f} s, made in {seconds:.0f} s"
    beats = report.cut_beat_median_ms
    found = f", {len(report.cuts)} cuts" + (f", {beats:.0f} ms from the beat (median)" if beats is not None else "")
    lines = f"{order.out}\n{made}{found}; report: {order.report.name}"
    if not report.preview or seed is None:
        return lines
    return f"{lines}\nthis was a preview of seed {seed}; the whole video: {whole_command(order, seed)}"


def whole_command(order: Order, seed: int) -> str:
    """The command that renders in full what was seen in a preview."""
    words = ["beatloom", "render"]
    words += [f"--{name}={path}" for name, path in (("image", order.image), ("lyrics", order.lyrics)) if path]
    usual = JobOptions()
    for name in ("prompt", "title", "style", "lyrics_style", "aspect", "height", "fps"):
        value = getattr(order.options, name)
        if value != getattr(usual, name):
            words.append(f"--{name.replace('_', '-')}={value}")
    return shlex.join([*words, f"--seed={seed}", "--", str(order.song)])
