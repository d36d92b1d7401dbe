"""What a watch makes of sightings in their order."""

from __future__ import annotations

from services.generator.comfyui.answers import Queue
from services.generator.comfyui.truth import GRACE_S, Lost, Running, Sighting, Unknown
from services.generator.comfyui.watch import Watch

HERE = Sighting(queue=Queue(running=("p",)), history=None)
NOWHERE = Sighting(queue=Queue(), history=None)


def test_while_it_is_on_its_way_it_is_not_lost_however_long_that_takes() -> None:
    watch = Watch("p", "before", 0.0)
    watch.sending()
    for now in range(100):
        watch.saw(NOWHERE, "after", float(now))
    assert watch.standing == Unknown()
    watch.accepted(100.0)
    assert watch.seen_at == 100.0
    watch.saw(HERE, "before", 101.0)
    watch.saw(NOWHERE, "before", 102.0)
    assert watch.standing == Unknown()
    watch.saw(NOWHERE, "after", 103.0)
    assert isinstance(watch.standing, Lost)
    assert watch.standing.error.reason == "restarted"


def test_what_is_seen_while_it_is_on_its_way_is_true() -> None:
    watch = Watch("p", "before", 0.0)
    watch.sending()
    watch.saw(HERE, "before", 1.0)
    assert watch.standing == Running()


def test_an_order_without_an_answer_is_waited_for_from_then_on() -> None:
    watch = Watch("p", "before", 0.0)
    watch.sending()
    watch.sent(70.0)
    assert watch.seen_at == 70.0
    watch.saw(NOWHERE, "before", 71.0)
    assert watch.standing == Unknown()
    watch.saw(NOWHERE, "before", 71.0 + GRACE_S)
    assert isinstance(watch.standing, Lost)
    assert watch.standing.error.reason == "never_arrived"


def test_a_server_that_cannot_tell_its_epoch_loses_nothing() -> None:
    watch = Watch("p", "before", 0.0)
    watch.saw(HERE, "", 1.0)
    watch.saw(NOWHERE, "", 2.0)
    assert watch.standing == Unknown()
