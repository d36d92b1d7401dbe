"""`beatloom render`: probe, start a stack of its own, order the video as any client would, show progress, fetch it.

The stack runs in this process, so that a kill of any kind takes all of it: its children die with it, and its data
lies in a folder that the next render removes. Its log goes to a file there, kept when the render fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import msgspec

from libs.contracts.codes import CODES
from libs.contracts.errors import BeatloomError, JobCancelled, Permanent, Retryable
from libs.contracts.scripts import Script
from libs.media.probe import probe_image, probe_lyrics, probe_song
from libs.runtime.disk import full_disk_is_retryable
from libs.runtime.settings import load
from libs.runtime.together import together
from libs.runtime.workers import WorkerPool
from libs.telemetry import logging, tracing
from services.standalone.backends import Backends, ask_servers
from services.standalone.cli import BAD_INPUT, CANCELLED, DONE, FAILED, complain, exit_code_of, told, unexpected
from services.standalone.client import ApiClient
from services.standalone.data_dir import renders_dir
from services.standalone.fetch import fetch_kept, fetch_results
from services.standalone.order import Order, read_order
from services.standalone.progress import Display, Shown, advance, open_display
from services.standalone.run_folder import keep_log, run_folder, stderr_into
from services.standalone.settings import StandaloneSettings
from services.standalone.sse import Event
from services.standalone.stack import running
from services.standalone.summary import summary
from services.standalone.warm import SCRIPT, SONG, warmed

CANCEL_S = 5.0
"""How long the order to cancel may take; then the processes are killed without it."""
WARM = 4
"""Children that are made ready before there is work for them, at most."""
HURRY = {"BEATLOOM_SHUTDOWN_GRACE_S": "2"}
ALONE = {"BEATLOOM_INGEST_LOGIN": "auto"}
"""A stack that lives for one video, on this machine's own address, has no users."""
"""Nothing is worth waiting for in a stack whose data is thrown away."""
UNPROCESSABLE = 422
"""The status of what a person has to change, and finds out when the work has begun."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Outcome(msgspec.Struct, kw_only=True):
    """The object of --json. `status`: completed, failed, cancelled, or refused when the input was bad."""

    job_id: str | None = None
    status: str = "refused"
    video: str | None = None
    report: str | None = None
    sheet: str | None = None
    seed: int | None = None
    """The same seed gives the same pictures."""
    error: dict[str, str] | None = None


def render(arguments: argparse.Namespace) -> int:
    """`beatloom render SONG ...`, or `--script F`. Returns 0 done, 2 bad input, 3 failed, 130 cancelled."""
    outcome = Outcome()
    began = time.monotonic()
    code = DONE
    try:
        order = read_order(arguments)
        settings = load(StandaloneSettings, "standalone", {**os.environ, **HURRY})
        with run_folder(renders_dir()) as folder, full_disk_is_retryable():
            _in_folder(order, settings, folder, outcome, quiet_stdout=arguments.json)
        outcome.status = "completed"
    except (KeyboardInterrupt, asyncio.CancelledError, JobCancelled):
        outcome.status, code = "cancelled", CANCELLED
        outcome.error = {"code": "job_cancelled", "message": "Cancelled.", "hint": "Run the command again."}
    except BeatloomError as error:
        code = exit_code_of(error)
        outcome.status = "refused" if code == BAD_INPUT else "failed"
        outcome.error = told(error)
        complain(error)
    except BrokenPipeError:
        raise
    except Exception as error:
        code = FAILED
        outcome.status, outcome.error = "failed", told(unexpected(error))
        complain(unexpected(error))
    if arguments.json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(outcome)) + "\n")  # takes names that are no UTF-8
    elif code == DONE:
        sys.stdout.write(summary(order, time.monotonic() - began, outcome.seed) + "\n")
    elif code == CANCELLED:
        sys.stderr.write("cancelled\n")
    return code


def _in_folder(
    order: Order, settings: StandaloneSettings, folder: Path, outcome: Outcome, *, quiet_stdout: bool
) -> None:
    log = folder / "log"
    try:
        with stderr_into(log) as stderr:
            logging.configure("render", settings.shared.log_level)
            tracing.configure("render")
            screen = stderr if quiet_stdout else sys.stdout
            asyncio.run(_render(order, settings, folder, screen, outcome))
    except BeatloomError as error:
        if exit_code_of(error) == FAILED:
            error.hint = f"{error.hint} The log is {keep_log(log, renders_dir().with_name('logs'))}"
        raise


async def _render(
    order: Order, settings: StandaloneSettings, folder: Path, screen: TextIO, outcome: Outcome
) -> None:
    with _cancelled_by_signals():
        first = SCRIPT if order.script else SONG
        async with WorkerPool(settings.shared.workers) as pool, warmed(pool, min(pool.size - 1, 1), first):
            drawn = order.options.preview and not order.options.music
            backends = Backends() if drawn else order.backends
            environ = {**os.environ, **backends.environ, **HURRY, **ALONE}
            told, _ = await together(_servers(backends, order), _probe(order, pool))
            display = open_display(screen)
            try:
                for line in told:
                    display.note(f"warning: {line}")
                async with (
                    warmed(pool, min(pool.size, WARM) - 1, first),
                    running(folder, settings, environ, pool=pool) as stack,
                    ApiClient(stack.url) as client,
                ):
                    await _make(order, client, display, outcome)
            finally:
                display.close()


async def _probe(order: Order, pool: WorkerPool) -> None:
    """Before anything starts, so that a bad file is refused at once. Raises `Permanent`."""
    if order.script is not None:
        await asyncio.to_thread(_read, order.script.said)
    if order.song is not None:
        await probe_song(order.song, pool)
    if order.image is not None:
        await probe_image(order.image, pool)
    if order.lyrics is not None:
        await probe_lyrics(order.lyrics)


def _read(script: Script) -> None:
    """Raises `Permanent`: script_empty, bad_script."""
    from libs.script.reading import read_script

    read_script(script.text, script.language)


async def _servers(backends: Backends, order: Order) -> list[str]:
    """As `_probe`. Raises what `ask_servers` does."""
    if not backends.servers:
        return []
    return await ask_servers(backends, picture=order.image is not None)


async def _make(order: Order, client: ApiClient, display: Display, outcome: Outcome) -> None:
    options: dict[str, Any] = msgspec.to_builtins(order.options)
    script = order.script.said if order.script else None
    job_id = await client.order(order.song, options, image=order.image, lyrics=order.lyrics, script=script)
    outcome.job_id = job_id
    try:
        shown = Shown(narrated=script is not None)
        async for event in client.follow(job_id):
            shown = show_event(event, shown, display)
        job = await client.job(job_id)
        outcome.seed = job["options"]["seed"]
        if job["status"] == "completed":
            await fetch_results(client, job, order.out, order.report, order.sheet)
            outcome.video, outcome.report, outcome.sheet = str(order.out), str(order.report), str(order.sheet)
        if order.keep is not None:
            await fetch_kept(client, job_id, order.keep)
        if job["status"] != "completed":
            raise failure_of(job)
        display.show(advance(shown, stage="completed", percent=100.0))
    except asyncio.CancelledError:
        with suppress(BeatloomError, TimeoutError):
            async with asyncio.timeout(CANCEL_S):
                await client.cancel(job_id)
        raise


def show_event(event: Event, shown: Shown, display: Display) -> Shown:
    """What is shown after an event; draws it. Events that aren't known change nothing."""
    data = msgspec.json.decode(event.data)
    if event.name == "message":
        display.note(f"{data['level']}: {data['message']}")
        return shown
    if event.name == "progress":
        shown = advance(
            shown,
            stage=data["stage"],
            percent=data["percent"],
            doing=data["doing"],
            seconds_left=data["seconds_left"],
        )
    elif event.name == "stage_update":
        shown = advance(shown, stage=data["status"])
    elif event.name == "snapshot":
        shown = advance(shown, stage=data["job"]["stage"], percent=data["job"]["percent"])
    display.show(shown)
    return shown


def failure_of(job: dict[str, Any]) -> BeatloomError:
    """Why a job that has ended has no video; `Permanent` for what a person has to change in the order."""
    if job["status"] == "cancelled":
        return JobCancelled()
    told = job["error"] or {}
    code = told.get("code", "unexpected")
    known = code if code in CODES else "unexpected"
    kind = Permanent if CODES[known].status == UNPROCESSABLE else Retryable
    return kind(known, told.get("message", ""), hint=told.get("hint", ""))


@contextmanager
def _cancelled_by_signals() -> Iterator[None]:
    """The first signal cancels this task; the second ends the process at once, and its children with it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    seen: list[int] = []

    def take(number: int) -> None:
        if seen:
            os._exit(CANCELLED)
        seen.append(number)
        task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, take, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
