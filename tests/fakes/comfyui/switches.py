"""What can be told to a double: how long things take, and how it misbehaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

GIB = 1 << 30


class Switches(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All at rest by default. Times in seconds; a count `n_` is spent one by one, then the fault is over."""

    version: str = "0.33.0"
    """"0.3.64" speaks as that old release: no jobs, any prompt_id."""
    gpu: str = "cuda:0 NVIDIA L40S : cudaMallocAsync"
    vram_bytes: int = 24 * GIB
    model_bytes: int = 4 * GIB
    """What each model file takes of the memory."""
    models: dict[str, list[str]] | None = None
    """Model files by folder; None lists every file known to the repository's workflows and the templates."""
    without_nodes: list[str] = []
    """Node classes that are not installed."""

    step_s: float = 0.002
    """One step of a sampler."""
    steps_at_most: int = 8
    """Samplers tick no more often, whatever the graph says; 0 lets the graph decide."""
    node_s: float = 0.0
    """Each node that is neither sampler, loader nor saver."""
    load_s: float = 0.0
    """Loading one model file that is not resident."""
    answer_s: float = 0.0
    """Each HTTP answer comes that much later."""
    upload_renames: bool = False
    """Every upload is kept under another name, as if one of that name were there."""
    light_files: bool = False
    """Pictures of one size are alike but for their metadata: cheap, for many clips."""

    history_delay_s: float = 0.0
    """From `execution_success` to history; until then the prompt counts as running."""
    history_gap_s: float = 0.0
    """From leaving the running list to history: nowhere to be seen in between."""
    interrupt_s: float = 0.0
    """From the order to stop to being heeded (at a progress tick, as always)."""
    deaf_to_interrupts: bool = False
    stall_s: float = 0.0
    """A sampler says nothing for so long at its second step, then goes on."""

    oom: Literal["", "always", "size", "memory"] = ""
    """Out of memory: always; above `oom_pixels`; when the graph's files and picture do not fit `vram_bytes`."""
    oom_pixels: int = 0
    """width x height x frames that still fits."""
    exec_error: str = ""
    """A sampler (else the first output) fails with this message; so it is for `oom` and `crash`."""
    forgets: bool = False
    """A prompt that ends leaves no history: nowhere to be seen, for good."""
    partial: bool = False
    """POST /prompt answers 200 with `node_errors`, and the prompt is queued all the same."""
    refuse_status: int = 0
    """POST /prompt answers this status."""
    lost_answer: Literal["", "before", "after"] = ""
    """POST /prompt: the connection breaks before, or after, the prompt is queued."""
    crash: Literal["", "accepted", "running", "done"] = ""
    """The server dies there, and comes back empty after `down_s`."""
    down_s: float = 0.2

    bad_output: Literal["", "black", "frozen", "short", "none", "garbage", "size"] = ""
    truncate_file: bool = False
    """Saved files are cut in the middle."""
    stale_cache: bool = False
    """A cached output names its old file, which is gone."""
    n_cut_downloads: int = 0
    """So many downloads break in the middle."""

    socket: Literal["open", "refused", "silent", "deaf"] = "open"
    """Websockets: silent ones get no event; deaf ones do not even answer a ping."""
    socket_life_events: int = 0
    """Each websocket is dropped after so many messages."""
    flap_up_s: float = 0.0
    flap_down_s: float = 0.0
    """Unreachable in turns, with nothing lost."""

    @property
    def old(self) -> bool:
        """True for releases without /api/jobs."""
        return self.version.startswith("0.3.")


def changed(switches: Switches, changes: Mapping[str, Any]) -> Switches:
    """A copy with `changes`. Raises msgspec.ValidationError for unknown names and wrong types."""
    return msgspec.convert({**msgspec.to_builtins(switches), **changes}, Switches)
