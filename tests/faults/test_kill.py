"""Kill -9, process by process and stage by stage. The job ends well, and nothing is done twice.

`make test` kills some processes once, at the stage where they work; `make test-faults` each process at each stage.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.faults.fleet import OPTIONS, SERVICES, STAGES, Fleet
from tests.receiver import Receiver
from tests.servers.nats import NatsServer
from tests.songs import make_song
from tests.waiting import wait_until

WORKS_AT = {
    "ingest": "generating",
    "analyzer": "analyzing",
    "planner": "planning",
    "generator": "generating",
    "composer": "composing",
    "notifier": "composing",
    "nats-server": "generating",
}
"""Each process, and a stage at which its death hurts."""

QUICK = ("ingest", "generator", "composer", "nats-server")
MATRIX = [
    pytest.param(victim, stage, marks=() if victim in QUICK and WORKS_AT[victim] == stage else pytest.mark.matrix)
    for victim, stage in itertools.product((*SERVICES, "nats-server"), STAGES)
]
SEEDS = {parameters.values: number for number, parameters in enumerate(MATRIX)}
"""Another song for each case, so that no result of one serves the next."""


def kill_and_revive(fleet: Fleet, nats: NatsServer, victim: str) -> None:
    """The victim dies without a word and is started again, as a supervisor would."""
    if victim == "nats-server":
        nats.kill()
        nats.start()
    else:
        fleet.kill(victim)
        fleet.start(victim)


@pytest.mark.parametrize(("victim", "stage"), MATRIX)
def test_a_job_survives_the_death_of_a_process(
    fleet: Fleet, nats: NatsServer, hooks: Receiver, victim: str, stage: str, tmp_path: Path
) -> None:
    song = make_song(tmp_path, seconds=6, seed=SEEDS[victim, stage])
    job_id = fleet.client.submit(song.path, options={**OPTIONS, "callback_url": hooks.url})
    fleet.client.wait_for_stage(job_id, stage)

    kill_and_revive(fleet, nats, victim)

    job = fleet.client.wait_for_end(job_id)
    assert job["status"] == "completed", job
    fleet.effects(job_id).assert_once(scenes=job["scenes_total"])
    wait_until(lambda: f"msg_{job_id}_1" in hooks.bodies, seconds=30, what="webhook")
    assert [key for key in hooks.bodies if job_id in key] == [f"msg_{job_id}_1"]
    assert hooks.forged == 0
