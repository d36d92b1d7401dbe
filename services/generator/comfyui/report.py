"""A server as operators see it. Pure."""

from __future__ import annotations

from libs.contracts.pool import GpuServer, Standing
from services.generator.comfyui.breaker import State
from services.generator.comfyui.server import Server

_STANDINGS: dict[State, Standing] = {
    State.WORKING: "working",
    State.DRAINING: "draining",
    State.FREEING: "freeing",
    State.CANARY: "canary",
    State.OUT: "out",
}


def report_of(server: Server, state: State, *, drained: bool, ours: int, loaded: str) -> GpuServer:
    """ours: pieces of work on it. loaded: what it was given last."""
    stats = server.stats
    gpus = [] if stats is None else [device for device in stats.devices if device.type != "cpu"]
    main = 0 if stats is None else stats.ram_free
    return GpuServer(
        name=server.name,
        device=server.cls,
        version="" if stats is None else stats.version,
        memory=server.vram,
        memory_free=max(gpus, key=lambda gpu: gpu.vram_total).vram_free if gpus else main,
        standing=_STANDINGS[state] if server.present else "away",
        drained=drained,
        running=len(server.queue.running) if server.present else 0,
        pending=len(server.queue.pending) if server.present else 0,
        ours=ours,
        loaded=loaded,
    )
