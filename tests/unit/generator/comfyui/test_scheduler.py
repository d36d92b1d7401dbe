"""What is chosen, and what always holds: each clip once, two slots, the same models ahead, nobody starves."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.comfyui.scheduler import Assignment, Scheduler
from services.generator.comfyui.waiting import Need, Waiting

LOAD = 40.0


class Known:
    """Figures that are what they are."""

    def speed(self, cls: str) -> float:
        return {"slow": 0.5, "fast": 2.0}.get(cls, 1.0)

    def switch(self, models: str) -> float:
        return LOAD if models else 0.0


def pool(*servers: str, cls: str = "usual", models: str | None = None) -> Scheduler:
    scheduler = Scheduler(Known())
    for name in servers:
        scheduler.server_up(name, cls=cls, vram=24, models=models)
    return scheduler


def clip(name: str, models: str = "a", seconds: float = 60.0, since: float = 0.0, **rest: object) -> Waiting:
    return msgspec.convert(
        {"id": name, "models": models, "seconds": seconds, "since": since, **rest}, Waiting, strict=False
    )


def clips(
    count: int, models: str = "a", seconds: float = 60.0, since: float = 0.0, group: str = ""
) -> list[Waiting]:
    return [clip(f"{models}{group}{i}", models, seconds, since, group=group) for i in range(count)]


def servers(made: list[Assignment]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in made:
        found.setdefault(each.server, []).append(each.id)
    return found


def test_one_runs_and_one_is_queued_ahead_with_the_same_models() -> None:
    scheduler = pool("s")
    for each in clips(10):
        scheduler.add(each)
    assert scheduler.next(0.0) == [Assignment("a0", "s", False), Assignment("a1", "s", True)]
    assert scheduler.next(1.0) == []
    scheduler.ended("a0", 100.0)
    assert scheduler.next(100.0) == [Assignment("a2", "s", True)]
    assert scheduler.server_of("a1") == scheduler.server_of("a2") == "s"


def test_the_slot_ahead_stays_empty_for_other_models() -> None:
    scheduler = pool("s")
    scheduler.add(clip("x", "a"))
    scheduler.next(0.0)
    for each in clips(10, "b"):
        scheduler.add(each)
    assert scheduler.next(1.0) == []


def test_a_server_goes_on_with_the_models_that_it_has() -> None:
    scheduler = pool("s", models="b")
    for each in [*clips(5, "a"), *clips(5, "b")]:
        scheduler.add(each)
    assert {made.id[0] for made in scheduler.next(0.0)} == {"b"}


def test_each_line_gets_a_server_before_any_gets_two() -> None:
    scheduler = pool("s1", "s2", "s3")
    for models in "abc":
        for each in clips(20, models):
            scheduler.add(each)
    assert {each.id[0] for each in scheduler.next(0.0) if not each.ahead} == set("abc")


def test_a_long_line_gets_servers_before_a_short_one() -> None:
    scheduler = pool("s1", "s2", "s3")
    for each in [*clips(100, "a"), *clips(2, "b")]:
        scheduler.add(each)
    assert [each.id[0] for each in scheduler.next(0.0) if not each.ahead] == ["a", "a", "a"]


def test_a_second_server_loads_only_when_that_pays() -> None:
    scheduler = pool("s1", "s2")
    scheduler.loaded("s1", "a")
    scheduler.add(clip("x", seconds=100.0))
    scheduler.add(clip("y", seconds=30.0))
    assert [each.server for each in scheduler.next(0.0)] == ["s1", "s2"], "70 s with the load, 130 s without"
    scheduler = pool("s1", "s2")
    scheduler.loaded("s1", "a")
    scheduler.add(clip("x", seconds=20.0))
    scheduler.add(clip("y", seconds=10.0))
    assert {each.server for each in scheduler.next(0.0)} == {"s1"}, "50 s with the load, 30 s without"


def test_who_is_late_is_not_waited_for() -> None:
    scheduler = pool("s1", "s2")
    scheduler.loaded("s1", "a")
    scheduler.add(clip("x", seconds=20.0))
    scheduler.next(0.0)
    scheduler.add(clip("y", seconds=20.0))
    assert scheduler.next(5.0) == []
    assert [each.server for each in scheduler.next(80.0)] == ["s2"]


def test_jobs_go_one_after_the_other_the_longest_clip_first() -> None:
    scheduler = pool("s")
    scheduler.add(clip("new", since=5.0, group="late", seconds=100.0))
    scheduler.add(clip("short", since=1.0, group="early", seconds=10.0))
    scheduler.add(clip("long", since=1.0, group="early", seconds=30.0))
    for each in clips(20, since=9.0):
        scheduler.add(each)
    order = []
    for _ in range(3):
        scheduler.next(10.0)
        order.append(scheduler._fleet.servers["s"].clips[0].id)
        scheduler.ended(order[-1], 10.0)
    assert order == ["long", "short", "new"]


def test_work_that_few_can_do_begins_while_others_do_the_rest() -> None:
    scheduler = pool("s1", "s2", "s3", models="a")
    scheduler.server_up("large", cls="usual", vram=80, models="a")
    for each in clips(30, "a"):
        scheduler.add(each)
    for i in range(10):
        scheduler.add(clip(f"b{i}", "b", need=Need("", 80)))
    assert servers(scheduler.next(0.0))["large"][0].startswith("b")


def test_ability_memory_and_exclusion_are_honoured() -> None:
    scheduler = pool("plain")
    scheduler.server_up("skilled", cls="usual", vram=24, abilities=["dance"])
    scheduler.server_up("large", cls="usual", vram=80)
    scheduler.add(clip("x", need=Need("dance", 0)))
    scheduler.add(clip("y", need=Need("", 48)))
    scheduler.add(clip("z", excluded=frozenset({"skilled", "large"})))
    assert {each.id: each.server for each in scheduler.next(0.0)} == {"x": "skilled", "y": "large", "z": "plain"}
    scheduler.add(clip("nobody", need=Need("sing", 0)))
    assert scheduler.next(1000.0) == []
    assert scheduler.waiting("nobody")


def test_what_was_excluded_by_the_only_holder_goes_to_another_server() -> None:
    scheduler = pool("s1", "s2")
    scheduler.loaded("s1", "a")
    for i in range(20):
        scheduler.add(clip(f"x{i}", excluded=frozenset({"s1"})))
    assert {each.server for each in scheduler.next(0.0)} == {"s2"}


def test_a_lost_server_gives_its_clips_back_and_comes_back_empty() -> None:
    scheduler = pool("s")
    for number, each in enumerate(clips(10)):
        scheduler.add(msgspec.structs.replace(each, since=float(number)))
    scheduler.next(0.0)
    lost = scheduler.server_down("s")
    assert [each.id for each in lost] == ["a0", "a1"]
    assert scheduler.server_down("s") == []
    assert scheduler.next(1.0) == []
    for each in lost:
        scheduler.add(each)
    scheduler.server_up("s", cls="usual", vram=24)
    assert [each.id for each in scheduler.next(2.0)] == ["a0", "a1"]


def test_a_held_server_gets_nothing_until_it_is_released() -> None:
    scheduler = pool("s")
    for each in clips(10):
        scheduler.add(each)
    scheduler.next(0.0)
    scheduler.hold("s")
    scheduler.ended("a0", 60.0)
    scheduler.ended("a1", 120.0)
    assert scheduler.next(120.0) == []
    scheduler.loaded("s", None)
    scheduler.release("s")
    assert len(scheduler.next(130.0)) == 2


def test_slots_of_other_replicas_are_left_alone() -> None:
    scheduler = pool("s")
    for each in [*clips(10, "a"), *clips(10, "b")]:
        scheduler.add(each)
    scheduler.occupied("s", 2, "a")
    assert scheduler.next(0.0) == []
    scheduler.occupied("s", 1, "b")
    made = scheduler.next(0.0)
    assert [(each.id[0], each.ahead) for each in made] == [("b", True)]


def test_a_clip_that_was_found_on_a_server_is_not_sent_again() -> None:
    scheduler = pool("s1", "s2")
    scheduler.add(clip("x"))
    scheduler.adopt(clip("x"), "s1", 0.0)
    scheduler.adopt(clip("x"), "s1", 0.0)
    assert scheduler.next(0.0) == []
    with pytest.raises(ValueError, match="x"):
        scheduler.adopt(clip("x"), "s2", 0.0)
    with pytest.raises(ValueError, match="x"):
        scheduler.add(clip("x"))
    with pytest.raises(ValueError, match="nowhere"):
        scheduler.adopt(clip("y"), "nowhere", 0.0)
    scheduler.ended("x", 5.0)
    assert len(scheduler) == 0


def test_removed_clips_are_not_sent_and_a_second_add_replaces() -> None:
    scheduler = pool("s")
    scheduler.add(clip("x", "a"))
    scheduler.add(clip("x", "b"))
    scheduler.add(clip("y", "c"))
    assert len(scheduler) == 2
    assert scheduler.remove("y")
    assert not scheduler.remove("y")
    assert [each.id for each in scheduler.next(0.0)] == ["x"]
    assert not scheduler.remove("x"), "it is on its server"


@pytest.mark.parametrize("backlog", [2, 200], ids=["planned as a whole", "by the rules"])
@pytest.mark.parametrize("count", [1, 3])
def test_nothing_starves_behind_a_flood_of_other_models(backlog: int, count: int) -> None:
    names = [f"s{i}" for i in range(count)]
    scheduler = pool(*names, models="a")
    chance = random.Random(count)
    for each in clips(backlog, "a", 100.0):
        scheduler.add(each)
    running: dict[str, float] = {}
    now, came = 0.0, 0
    scheduler.add(clip("lonely", "b", 20.0, since=1.0))
    while now < 20_000:
        for made in scheduler.next(now):
            if made.id == "lonely":
                break
            running[made.id] = now + chance.uniform(80, 130)
        else:
            done = min(running, key=running.__getitem__)
            now = running.pop(done)
            scheduler.ended(done, now)
            came += 1
            scheduler.add(clip(f"more{came}", "a", 100.0, since=now))
            continue
        break
    waited_for = backlog * 130 / count + 1000
    assert now < waited_for, "the flood that was there before may go first; the one that came after may not"


def entries(of: object, seen: set[int] | None = None) -> int:
    """Of all containers that can be reached from it."""
    seen = set() if seen is None else seen
    if id(of) in seen or isinstance(of, Known):
        return 0
    seen.add(id(of))
    if isinstance(of, dict):
        return len(of) + sum(entries(each, seen) for each in of.values())
    if isinstance(of, list | set | tuple | frozenset):
        return len(of) + sum(entries(each, seen) for each in of)
    names = (*getattr(of, "__dict__", ()), *getattr(of, "__struct_fields__", ()))
    return sum(entries(getattr(of, name), seen) for name in names)


def test_nothing_is_left_of_clips_jobs_and_servers_that_are_gone() -> None:
    scheduler, chance = pool("s0"), random.Random(5)
    empty, most = entries(scheduler), 0
    stays = clip("stays", "x", need=Need("nobody has it", 0))
    scheduler.add(stays)
    for number in range(6_000):
        now, name = float(number), f"s{number // 50}"
        if number % 50 == 49:  # another server, another set of abilities
            for lost in scheduler.server_down(name):
                scheduler.remove(lost.id)
            scheduler.server_up(f"s{number // 50 + 1}", cls="usual", vram=24, abilities=[f"dances {number}"])
        made = clip(f"c{number}", chance.choice("abx"), group=f"job{number // 20}", since=now)
        if number % 3 == 0:  # stands behind one that stays for ever, and is called off
            made = msgspec.structs.replace(stays, id=made.id, since=now)
        scheduler.add(made)
        for each in scheduler.next(now):
            scheduler.ended(each.id, now)
        scheduler.remove(made.id)
        most = max(most, entries(scheduler)) if number % 100 == 0 else most
    scheduler.remove(stays.id)
    assert entries(scheduler) <= empty + 10
    assert most < empty + 2_000


PLANS = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "add", "add", "next", "end", "end", "fail", "down", "up", "hold", "others", "remove", "adopt"]
        ),
        st.integers(0, 1 << 30),
    ),
    max_size=80,
)


@settings(max_examples=150, deadline=None)
@given(plan=PLANS, count=st.integers(1, 5), small=st.booleans())
def test_whatever_happens_each_clip_is_done_once(plan: list[tuple[str, int]], count: int, small: bool) -> None:
    world = _World(count, 1 if small else 60)
    for event, number in plan:
        world.happens(event, number)
    world.finish()


class _World:
    """Clips and servers as they are; says when the scheduler breaks a rule."""

    def __init__(self, count: int, crowd: int) -> None:
        self.scheduler = Scheduler(Known())
        self.now = 0.0
        self.names = [f"s{i}" for i in range(count)]
        self.up: dict[str, list[Waiting]] = {}
        self.held: set[str] = set()
        self.others: dict[str, int] = {}
        self.known: dict[str, Waiting] = {}
        self.done: set[str] = set()
        self.crowd = crowd
        for name in self.names:
            self.comes(name)

    def comes(self, name: str) -> None:
        number = int(name[1:])
        self.up[name] = []
        self.scheduler.server_up(
            name,
            cls=("slow", "usual", "fast")[number % 3],
            vram=24 << number % 2,
            abilities=["dance"] * (number % 2),
        )

    def happens(self, event: str, number: int) -> None:
        self.now += number % 97
        name = self.names[number % len(self.names)]
        on = [each for clips in self.up.values() for each in clips[:1]]
        match event:
            case "add":
                for _ in range(self.crowd):
                    self.add(number)
            case "end" | "fail" if on:
                self.ends(on[number % len(on)], well=event == "end")
            case "down" if name in self.up:
                self.goes(name)
            case "up" if name not in self.up:
                self.comes(name)
            case "hold" if name in self.up:
                (self.scheduler.release if name in self.held else self.scheduler.hold)(name)
                self.held ^= {name}
            case "others" if name in self.up and not self.up[name]:
                self.others[name] = number % 3
                self.scheduler.occupied(name, number % 3, "ab"[number % 2])
            case "adopt" if name in self.up and len(self.up[name]) + self.others.get(name, 0) < 2:
                self.found(number, name)
            case "remove" if waiting := sorted(id for id in self.known if self.scheduler.waiting(id)):
                assert self.scheduler.remove(waiting[number % len(waiting)])
                del self.known[waiting[number % len(waiting)]]
        self.send()

    def add(self, number: int) -> None:
        made = Waiting(
            id=f"c{len(self.known)}-{number}-{len(self.done)}",
            models=("a", "b", "c", "")[number % 4],
            seconds=20.0 + number % 100,
            since=self.now,
            group=f"job{number % 3}" if number % 2 else "",
            need=(Need("", 0), Need("dance", 0), Need("", 48))[number % 7 % 3],
        )
        self.known[made.id] = made
        self.scheduler.add(made) if self.scheduler.server_of(made.id) is None else None

    def found(self, number: int, name: str) -> None:
        """One that waits, or is new, turns out to be on a server already, behind what is there."""
        waiting = sorted(id for id in self.known if self.scheduler.waiting(id))
        if not waiting or self.up[name]:
            return
        made = msgspec.structs.replace(self.known[waiting[number % len(waiting)]], need=Need("", 0))
        made = msgspec.structs.replace(made, excluded=frozenset())
        self.known[made.id] = made
        self.scheduler.adopt(made, name, self.now)
        self.up[name].append(made)

    def ends(self, made: Waiting, *, well: bool) -> None:
        name = next(name for name, clips in self.up.items() if made in clips)
        self.up[name].remove(made)
        self.scheduler.ended(made.id, self.now)
        if well:
            self.done.add(made.id)
        else:
            again = msgspec.structs.replace(
                made, excluded=frozenset({name}) if len(self.names) > 2 else frozenset()
            )
            self.known[made.id] = again
            self.scheduler.add(again)

    def goes(self, name: str) -> None:
        lost = self.scheduler.server_down(name)
        assert lost == self.up.pop(name)
        self.held.discard(name)
        self.others.pop(name, None)
        for each in lost:
            self.scheduler.add(each)

    def send(self) -> None:
        for made in self.scheduler.next(self.now):
            waiting, there = self.known[made.id], self.up[made.server]
            number = int(made.server[1:])
            assert made.id not in self.done
            assert made.server not in waiting.excluded
            assert made.server not in self.held
            assert waiting.need.vram <= 24 << number % 2
            assert not waiting.need.ability or number % 2
            assert made.ahead == bool(there or self.others.get(made.server))
            assert len(there) + self.others.get(made.server, 0) < 2
            assert all(each.models == waiting.models for each in there), "ahead only with the same models"
            assert all(made.id != each.id for clips in self.up.values() for each in clips)
            there.append(waiting)
            assert self.scheduler.server_of(made.id) == made.server

    def finish(self) -> None:
        """All servers are there and whole from now on: then all is done."""
        for name in ("s0", "s1", "s2", "s3"):
            if name not in self.up:
                self.names.append(name)
                self.comes(name)
        for name in sorted(self.held):
            self.scheduler.release(name)
        self.held.clear()
        for name in self.others:
            self.scheduler.occupied(name, 0)
        self.others.clear()
        for _ in range(2 * len(self.known) + 10):
            self.send()
            on = [clips[0] for clips in self.up.values() if clips]
            if not on:
                break
            self.now += 50
            self.ends(on[0], well=True)
        assert self.done == set(self.known)
        assert len(self.scheduler) == 0
