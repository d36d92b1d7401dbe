"""What a run has cost so far, stage by stage, and by what its scenes were made: for the report. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from libs.contracts.facts import TakeRendered, Usage
from libs.contracts.jobs import State
from libs.contracts.tasks import StageUsage, Takes
from services.ingest.state import CHARGED_TO, RunState, kind_of


def usage_of(state: RunState, now: datetime) -> tuple[StageUsage, ...]:
    """What the stages before this one cost: time from their first order to the next stage's, CPU and GPU of all
    tries. Of composing, the CPU of what was done ahead and of tries that failed.
    """
    started = state.entered
    started.setdefault(State.COMPOSING, now)
    spent: dict[State, list[Usage]] = {stage: [] for stage in started}
    for key, task in state.tasks.items():
        stage = CHARGED_TO.get(kind_of(key))
        if stage in spent:
            facts = (fact for try_ in task.attempts.values() for fact in (try_.done, try_.failed) if fact)
            spent[stage] += [fact.usage for fact in facts]
    ends = [*started.values(), now][1:]
    return tuple(
        StageUsage(
            stage=stage.value,
            wall_seconds=max((end - start).total_seconds(), 0.0),
            cpu_seconds=sum(usage.cpu_seconds for usage in spent[stage]),
            gpu_seconds=sum(usage.gpu_seconds for usage in spent[stage]),
            cost=sum(usage.cost for usage in spent[stage]),
            takes=_takes(state.takes) if stage is State.GENERATING else (),
        )
        for (stage, start), end in zip(started.items(), ends, strict=True)
        if stage is not State.COMPOSING or any(usage.cpu_seconds for usage in spent[stage])
    )


def _takes(takes: Mapping[str, TakeRendered]) -> tuple[Takes, ...]:
    """The most scenes first."""
    made: dict[tuple[str, str, bool], list[str]] = {}
    for scene_id, take in sorted(takes.items()):
        made.setdefault((take.backend, take.workflow, take.fallback), []).append(scene_id)
    return tuple(
        Takes(backend=backend, workflow=workflow, fallback=fallback, scenes=len(ids), scene_ids=tuple(ids))
        for (backend, workflow, fallback), ids in sorted(made.items(), key=lambda one: (-len(one[1]), one[0]))
    )
