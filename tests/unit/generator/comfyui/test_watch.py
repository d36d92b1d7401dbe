"""What a watch makes of sightings in their order."""

from __future__ import annotations

from services.generator.comfyui.answers import Queue
from services.generator.comfyui.truth import Lost, Running, Sighting, Unknown
from services.generator.comfyui.watch import Watch

HERE = Sighting(queue=Queue(running=("p",)), history=None)
NOWHERE = Sighting(queue=Queue(), history=None)


def test_what_was_seen_after_a_restart_is_not_lost_by_it() -> None:
    watch = Watch("p", "before", 0.0)
    watch.accepted(0.0)
    watch.saw(HERE, "after", 1.0)
    assert (watch.standing, watch.confirmed, watch.epoch) == (Running(), True, "after")
    watch.saw(NOWHERE, "after", 2.0)
    assert watch.standing == Unknown()
    watch.saw(NOWHERE, "again", 3.0)
    assert isinstance(watch.standing, Lost)
    assert watch.standing.error.reason == "restarted"


def test_a_server_that_cannot_tell_its_epoch_changes_nothing() -> None:
    watch = Watch("p", "before", 0.0)
    watch.saw(HERE, "", 1.0)
    assert watch.epoch == "before"
    watch.saw(NOWHERE, "", 2.0)
    assert watch.standing == Unknown()
