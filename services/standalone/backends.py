"""Who makes the clips of a render: this machine, or ComfyUI servers; asked for, and found fit, before it begins."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import msgspec

from libs.contracts.errors import Permanent, Retryable
from libs.runtime.settings import load
from services.generator.settings import GeneratorSettings

BackendName = Literal["auto", "builtin", "comfyui"]
BACKENDS: tuple[BackendName, ...] = get_args(BackendName)
URLS, CHAIN = "BEATLOOM_GENERATOR_COMFYUI_URLS", "BEATLOOM_GENERATOR_ANIMATE"
BUILTIN = "builtin"
WITHOUT = "Draw on this machine with --backend builtin."


class Backends(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `servers` empty: all is drawn here."""

    servers: tuple[str, ...] = ()
    """As in the setting: `http://host:8188`, `dns+http://name:8188`."""
    chain: tuple[str, ...] = ()
    """Workflows in the order in which they are tried; empty: the preferred ones."""
    stills: tuple[str, ...] = ()
    """The same for reference stills."""
    folder: str = ""
    """Of the user's own workflows."""
    words: tuple[str, ...] = ()
    """The options that said so, without those of the settings."""

    @property
    def environ(self) -> dict[str, str]:
        """The generator's variables."""
        return {URLS: ",".join(self.servers), CHAIN: ",".join(self.chain)}


def chosen_backends(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Backends:
    """From --backend, --comfyui-url, --workflow and --no-fill over the settings in `environ`.

    Workflows that are named stand before drawing here, which fills what none of them could make.
    Raises Permanent("bad_options") for what contradicts itself, and for an address or a setting that is none.
    """
    settings = load(GeneratorSettings, "generator", environ)
    given = _listed(",".join(arguments.comfyui_url))
    if arguments.backend == "builtin":
        for option, value in (("--comfyui-url", given), ("--workflow", arguments.workflow)):
            if value:
                raise Permanent("bad_options", f"{option} is for --backend comfyui.", hint="Leave one of them out.")
        return Backends(words=("--backend=builtin",))
    servers = given or _listed(settings.comfyui_urls)
    if not servers and (arguments.backend == "comfyui" or arguments.workflow):
        hint = f"Name one: --comfyui-url http://HOST:8188, or set {URLS}."
        raise Permanent("bad_options", "No ComfyUI server is named.", hint=hint)
    _must_be_addresses(servers)
    chain = _listed(",".join(arguments.workflow))
    words = (
        f"--{name}={','.join(value)}" for name, value in (("comfyui-url", given), ("workflow", chain)) if value
    )
    return Backends(
        servers=servers,
        chain=_filled(chain, arguments.fill) or _listed(settings.animate),
        stills=_listed(settings.imagine),
        folder=settings.workflows,
        words=tuple(words),
    )


async def ask_servers(backends: Backends, *, picture: bool) -> list[str]:
    """What a person should know of the servers before a render begins: those that don't answer.

    picture: whether the job brings one; a still that a server can make does as well. Raises
    Permanent("workflow_unknown", "workflow_invalid", "workflow_missing_model", "workflow_unsupported"), and
    Retryable("no_gpu_server") when none answers.
    """
    from services.generator.comfyui.ability import missing_model
    from services.generator.comfyui.direction import chain_of, stills_of, suits
    from services.generator.comfyui.library import load_library
    from services.standalone.workflows import ask

    library = load_library(Path(backends.folder) if backends.folder else None)
    chain = [one for one in chain_of(library, backends.chain) if one is not None]
    stills = [one for one in stills_of(library, backends.stills) if suits(one, picture=picture)]
    judged = await ask(backends.servers, None, [*chain, *stills])
    silent = [f"{server.server} {server.error}" for server in judged if server.error]
    if len(silent) == len(judged):
        told = ". ".join(silent) or "No server stands behind the name"
        raise Retryable("no_gpu_server", f"{told}.", hint=f"Start a server, or name another one. {WITHOUT}")
    able = {ability.workflow for server in judged for ability in server.abilities if ability.profile}
    pictured = picture or any(one.name in able for one in stills)
    usable = {one.name for one in chain if suits(one, picture=pictured)}
    found = [ability for server in judged for ability in server.abilities if ability.workflow in usable]
    if chain and not any(ability.profile for ability in found):
        least = min(found, key=lambda ability: len(ability.lacks), default=None)
        if least is None:
            raise Permanent("workflow_unsupported", "No workflow of the chain makes clips without a picture.")
        error = missing_model(library.get(least.workflow), least.lacks)
        error.hint = f"{error.hint} {WITHOUT}"
        raise error
    return [f"{line}; it gets work when it does" for line in silent]


def _filled(chain: tuple[str, ...], fill: bool) -> tuple[str, ...]:
    return (*chain, BUILTIN) if chain and fill and BUILTIN not in chain else chain


def _must_be_addresses(servers: tuple[str, ...]) -> None:
    from services.generator.comfyui.members import Members

    try:
        Members(servers)
    except ValueError as error:
        hint = "Addresses look like http://HOST:8188."
        raise Permanent("bad_options", f"--comfyui-url: {error}.", hint=hint) from error


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
