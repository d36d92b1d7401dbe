"""`beatloom workflows list|check`: the workflows there are, and which of them which ComfyUI server can run."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from libs.contracts.errors import Permanent, Retryable
from libs.runtime.settings import load
from services.generator.comfyui.ability import Lack, ServerFacts, best_profile, can
from services.generator.comfyui.address import Address
from services.generator.comfyui.diagnosis import diagnosis
from services.generator.comfyui.errors import ComfyError
from services.generator.comfyui.gateway import Gateway
from services.generator.comfyui.library import SELFTEST, Library, load_library
from services.generator.comfyui.members import Members
from services.generator.comfyui.selftest import Trial, selftest
from services.generator.comfyui.workflow import FULL, Workflow
from services.generator.comfyui.workflows_page import not_free
from services.generator.settings import GeneratorSettings

DONE, MISSING = 0, 1


class Ability(msgspec.Struct, frozen=True):
    """What became of holding one workflow against one server."""

    workflow: str
    profile: str | None
    """The largest that the server can run; None: none."""
    lacks: tuple[Lack, ...]
    """For the profile that lacks least."""


class Judged(msgspec.Struct, frozen=True):
    """A server and all that was asked about it."""

    server: str
    version: str
    abilities: tuple[Ability, ...]
    error: str = ""
    """Why it could not be asked: to be set behind its name."""
    trial: Trial | None = None
    """How its self-test went; None: there was none."""


def workflows(arguments: argparse.Namespace) -> int:
    """`beatloom workflows list` or `check`."""
    settings = load(GeneratorSettings, "generator", os.environ)
    own = Path(settings.workflows) if settings.workflows else None
    library = load_library(arguments.folder or own)
    chosen = [library.get(name) for name in arguments.names] or list(library)
    if arguments.action == "list":
        return show_list(library, chosen, as_json=arguments.json)
    servers = arguments.server or ([] if arguments.object_info else settings.comfyui_urls.split(","))
    tried = library.get(SELFTEST) if arguments.selftest else None
    judged = asyncio.run(ask(servers, arguments.object_info, chosen, tried))
    return show_check(library, chosen, judged, as_json=arguments.json, asked_for=bool(arguments.names))


async def ask(
    servers: Sequence[str], object_info: Path | None, chosen: Sequence[Workflow], tried: Workflow | None = None
) -> list[Judged]:
    """Hold the workflows against each server, and against a file of what one answered to GET /object_info.

    tried: a self-test that each server has to pass.
    """
    addresses = await _addresses(servers)
    if not addresses and object_info is None:
        raise Permanent("bad_request", "No server is named.", hint="Name one: --server http://HOST:8188.")
    found = list(await asyncio.gather(*(_ask_one(address, chosen, tried) for address in addresses)))
    if object_info is not None:
        found.append(judge(str(object_info), ServerFacts(object_info=_read(object_info)), chosen))
    return found


async def _addresses(servers: Sequence[str]) -> list[Address]:
    """Of servers as they are named in the settings, in order of their names."""
    try:
        members = Members(servers)
    except ValueError as error:
        raise Permanent("bad_request", f"{error}.", hint="Addresses look like http://HOST:8188.") from error
    found = await members.addresses()
    if not found and not members.certain:
        raise Retryable("no_gpu_server", "The servers' names can't be looked up.")
    return sorted(found, key=lambda address: address.name)


async def _ask_one(address: Address, chosen: Sequence[Workflow], tried: Workflow | None) -> Judged:
    async with Gateway(address, "beatloom-workflows") as gateway:
        try:
            stats, info = await asyncio.gather(gateway.stats(), gateway.object_info())
        except ComfyError as error:
            return Judged(address.name, "", (), await diagnosis(address, error))
    memory = max((device.vram_total for device in stats.devices if device.type != "cpu"), default=None)
    facts = ServerFacts(object_info=info, version=stats.version, vram=memory)
    judged = judge(address.name, facts, chosen)
    return judged if tried is None else msgspec.structs.replace(judged, trial=await _try(address, facts, tried))


async def _try(address: Address, facts: ServerFacts, tried: Workflow) -> Trial:
    lacks = can(tried, facts)
    if lacks:
        return Trial(seconds={}, events=False, error=" ".join(lack.message for lack in lacks).rstrip("."))
    return await selftest(address, tried)


def judge(server: str, facts: ServerFacts, chosen: Iterable[Workflow]) -> Judged:
    """What a server can do."""
    found = []
    for workflow in chosen:
        profile = best_profile(workflow, facts)
        lacks = () if profile else min((can(workflow, facts, profile=name) for name in workflow.by_memory), key=len)
        found.append(Ability(workflow.name, profile, lacks))
    return Judged(server, facts.version, tuple(found))


def _read(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise Permanent("not_found", f"{path} can't be read: {error.strerror}.", hint="Check the path.") from error
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        hint = "Save what GET /object_info of a ComfyUI server answers."
        raise Permanent("bad_request", f"{path} is no object_info: {error}.", hint=hint) from error


def show_list(library: Library, chosen: Sequence[Workflow], *, as_json: bool) -> int:
    """The workflows as a table, or as JSON."""
    if as_json:
        told = [described(workflow) for workflow in chosen]
        _write({"workflows": told, "refused": {name: error.message for name, error in library.refused.items()}})
        return MISSING if library.refused else DONE
    rows = [("workflow", "for", "GPU memory", "models", "longest", "what"), *map(_row, chosen)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        sys.stdout.write("  ".join(map(str.ljust, row, widths)).rstrip() + "\n")
    warned: dict[str, list[str]] = {}
    for workflow in chosen:
        for terms in not_free(workflow):
            warned.setdefault(terms, []).append(workflow.name)
    for terms, names in warned.items():
        sys.stdout.write(f"\nNOT FREE FOR ALL COMMERCIAL USE: {', '.join(names)}\n  {terms}\n")
    return _show_refused(library)


def _row(workflow: Workflow) -> tuple[str, ...]:
    memory = " or ".join(f"{workflow.profiles[name].vram_gb:g}" for name in workflow.by_memory)
    gb = sum(model.gb for model in workflow.models_of(FULL))
    return (
        workflow.name,
        workflow.task,
        f"{memory} GB" if workflow.models else "any",
        f"{gb:.1f} GB" if workflow.models else "-",
        "" if workflow.longest_s is None else f"{workflow.longest_s:.1f} s",
        workflow.title,
    )


def described(workflow: Workflow) -> dict[str, Any]:
    """All that is known of a workflow but its graph."""
    told: dict[str, Any] = msgspec.to_builtins(workflow)
    del told["graph"]
    return told


def show_check(
    library: Library, chosen: Sequence[Workflow], judged: Sequence[Judged], *, as_json: bool, asked_for: bool
) -> int:
    """Who can do what; 1 when a workflow that was asked for by name runs nowhere, or a file is no workflow.

    Raises Retryable when no server answers.
    """
    if judged and all(server.error for server in judged):
        told = ". ".join(f"{server.server} {server.error}" for server in judged)
        raise Retryable("no_gpu_server", f"{told}.", hint="Addresses look like http://HOST:8188.")
    able = {ability.workflow for server in judged for ability in server.abilities if ability.profile}
    nowhere = [workflow.name for workflow in chosen if workflow.name not in able] if asked_for else []
    nowhere += [server.server for server in judged if server.trial is not None and server.trial.error]
    if as_json:
        refused = {name: error.message for name, error in library.refused.items()}
        _write({"servers": msgspec.to_builtins(judged), "refused": refused})
        return MISSING if nowhere or refused else DONE
    for server in judged:
        sys.stdout.write("\n".join(_told(server)) + "\n")
    return max(_show_refused(library), MISSING if nowhere else DONE)


def _told(server: Judged) -> Iterator[str]:
    yield f"{server.server}  ComfyUI {server.version}" if server.version else server.server
    if server.error:
        yield f"  {server.error}"
    if server.trial is not None:
        yield from _told_of(server.trial)
    for ability in server.abilities:
        yield (
            f"  ok       {ability.workflow} ({ability.profile})"
            if ability.profile
            else f"  missing  {ability.workflow}"
        )
        for lack in ability.lacks:
            size = f"  {lack.gb:g} GB" if lack.gb else ""
            yield f"           {lack.message}{size}  {lack.url}".rstrip()


def _told_of(trial: Trial) -> Iterator[str]:
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in trial.seconds.items())
    if trial.error:
        yield f"  FAILED   self-test: {trial.error}"
    else:
        yield f"  ok       self-test in {sum(trial.seconds.values()):.1f} s: {steps}"
        if not trial.events:
            yield "           Its websocket told nothing, so there will be no progress: a proxy may be in the way."


def _show_refused(library: Library) -> int:
    for name, error in library.refused.items():
        sys.stdout.write(f"refused  {name}: {error.message} {error.hint}\n")
    return MISSING if library.refused else DONE


def _write(told: object) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
