"""Which clip goes to which server, and when. Pure: every event is told to it, time too; `next` says what to do.

A server keeps at most one clip that runs and one queued ahead, and ahead only with the same models. The rules:

- **Stay.** A server goes on with the models that it has for as long as clips wait for them: loading costs.
- **Join.** A server without such work goes to the line with the greatest *urgency*: how long its work would last
  with the servers that have its models now, plus the age of its oldest clip, minus the cost of loading. It doesn't
  go where the others would be done before it: so a line is spread only as far as the loads pay off.
- **Relieve.** When another line's oldest clip is older than the own one's by more than the cost of loading, and
  what was loaded last has paid for itself, the server leaves its line: so nothing starves. It also leaves, if
  others have the same models, for work that has to begin now in order not to be the last to end in the whole
  pool: a long clip of models that nobody has, or work that only few servers can do.
- **Order in a line.** The oldest job first, a job's clips one after the other, the longest first, so that what
  is left for the end is short.
- **Ahead** only while enough waits: near the end a clip waits in the line for whoever is free first.
- **The last clips** of a pool that is not too large are planned as a whole, see `endgame.py`.

What a choice costs grows with the number of model sets and kinds of servers, not with clips or servers. Call `next`
after every event, and about once a second, since clips are queued ahead shortly before their turn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from services.generator.comfyui.endgame import PAYS_AFTER, share_out
from services.generator.comfyui.fleet import SLOTS, Fleet, Server
from services.generator.comfyui.waiting import ANYTHING, Kind, Line, ModelSet, Need, Queue, Waiting

LAST = 3.0
"""Clips for each server that count as the last ones."""
MOST_SERVERS = 100
MOST_PAIRS = 2000
"""Servers, and clips times servers: what can be planned as a whole within a millisecond."""
AHEAD_S = 10.0
"""Of the last clips, one is queued ahead only so shortly before its turn."""
TINY = 1e-9


class Figures(Protocol):
    """What was learned about servers and models."""

    def speed(self, cls: str) -> float:
        """Of a server class, against the one that `Waiting.seconds` is given for. More than 0."""
        ...

    def switch(self, models: ModelSet) -> float:
        """Seconds to load a set of models."""
        ...


class Assignment(NamedTuple):
    """Send this clip to this server now."""

    id: str
    server: str
    ahead: bool
    """Queued behind the one that runs."""


class Scheduler:
    """The pool's queue. Not thread-safe; nothing in it waits. ValueError means that the caller lost track."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._queue = Queue()
        self._fleet = Fleet(figures.speed)
        self._places: dict[str, Server] = {}
        self._capacities: dict[Need, float] = {}

    def __len__(self) -> int:
        """Clips that wait."""
        return len(self._queue)

    def waiting(self, clip: str) -> bool:
        """True while it stands in the queue."""
        return clip in self._queue

    def server_of(self, clip: str) -> str | None:
        """Where an assigned clip is."""
        place = self._places.get(clip)
        return place.name if place else None

    def busy(self, server: str) -> bool:
        """Whether clips were assigned to it that have not ended."""
        found = self._fleet.servers.get(server)
        return found is not None and bool(found.clips)

    # What happened.

    def add(self, waiting: Waiting) -> None:
        """A clip wants a server; one with the same id that waits is replaced.

        Raises ValueError when it is on a server: end it there first.
        """
        if waiting.id in self._places:
            raise ValueError(f"{waiting.id} is on {self._places[waiting.id].name}.")
        self._queue.add(waiting)

    def remove(self, clip: str) -> bool:
        """It wants none any more. False when it didn't wait: then it is unknown, or on a server."""
        return self._queue.remove(clip) is not None

    def server_up(
        self, name: str, *, cls: str, vram: int, abilities: Iterable[str] = (), models: ModelSet | None = None
    ) -> list[Waiting]:
        """A server came, came back, or is another than it was. Returns the clips that it had, as `server_down`."""
        lost = self.server_down(name)
        self._fleet.up(name, cls=cls, vram=vram, abilities=abilities, models=models)
        return lost

    def server_down(self, name: str) -> list[Waiting]:
        """It is gone. Returns the clips that it had; those that are lost are to be added again."""
        server = self._fleet.servers.get(name)
        if server is None:
            return []
        self._fleet.down(server)
        for clip in server.clips:
            del self._places[clip.id]
        return server.clips

    def hold(self, name: str) -> None:
        """Give it no new work; what it has goes on."""
        self._change(name, held=True)

    def release(self, name: str) -> None:
        """Give it work again."""
        self._change(name, held=False)

    def loaded(self, name: str, models: ModelSet | None) -> None:
        """What it has in memory, as far as known: None after it was freed."""
        self._change(name, models=models)

    def occupied(self, name: str, others: int, models: ModelSet | None = None) -> None:
        """So many of its slots are taken by other replicas, the last one with these models."""
        self._change(name, others=others, **({"models": models} if others else {}))

    def started(self, clip: str, now: float) -> None:
        """It runs from now on, which tells better when it will end. A clip that is on no server is ignored."""
        server = self._places.get(clip)
        if server and server.clips[0].id == clip:
            speed = self._fleet.speed(server)
            self._change(server.name, ends=now + sum(each.seconds for each in server.clips) / speed)

    def adopt(self, waiting: Waiting, name: str, now: float) -> None:
        """It was found on a server, running or queued, after a restart of ours.

        Raises ValueError when the server is unknown or the clip is on another one.
        """
        server = self._fleet.servers.get(name)
        if server is None or self._places.get(waiting.id, server) is not server:
            raise ValueError(f"{waiting.id} can't be on {name}.")
        if waiting.id not in self._places:
            self._queue.remove(waiting.id)
            self._place(server, waiting, now)

    def ended(self, clip: str, now: float) -> None:
        """It left its server, however it ended. A clip that is on no server is ignored."""
        server = self._places.pop(clip, None)
        if server:
            rest = [each for each in server.clips if each.id != clip]
            self._change(
                server.name, clips=rest, ends=now + sum(each.seconds for each in rest) / self._fleet.speed(server)
            )

    def _change(self, name: str, **values: object) -> None:
        server = self._fleet.servers.get(name)
        if server is None:
            return
        self._fleet.leave(server)
        for key, value in values.items():
            setattr(server, key, value)
        self._fleet.enter(server)

    # What to do.

    def next(self, now: float) -> list[Assignment]:
        """What is to be sent where. The clips are on their servers from now on; `ended` takes them off again."""
        made: list[Assignment] = []
        self._capacities.clear()
        self._fleet.refresh()
        if self._few():
            self._share_out(now, made)
            return made
        if self._queue.lines and self._fleet.idle:
            self._go_on(now, made)
            self._join(now, made)
        if self._queue.lines and self._fleet.roomy:
            self._queue_ahead(now, made)
        return made

    def _few(self) -> bool:
        """True when so little waits that it can be planned as a whole."""
        servers = len(self._fleet.servers)
        if servers > MOST_SERVERS:
            return False
        return 0 < len(self._queue) <= LAST * servers and len(self._queue) * servers <= MOST_PAIRS

    def _share_out(self, now: float, made: list[Assignment]) -> None:
        servers = [server for server in self._fleet.servers.values() if not server.held]
        plan = share_out(self._queue.clips(), servers, now, speed=self._figures.speed, switch=self._figures.switch)
        for server in servers:
            clip = plan.get(server.name)
            soon = server.ends - now <= AHEAD_S and clip and clip.models == server.models
            if clip and (server.room == SLOTS or (server.room and soon)):
                self._assign(server, clip, now, made)

    def _go_on(self, now: float, made: list[Assignment]) -> None:
        """Idle servers stay with their models, or relieve another line."""
        for kind, models in list(self._fleet.idle):
            if models is None or models not in self._queue.lines:
                continue
            for server in list(self._fleet.idle[kind, models].values()):
                line = self._queue.lines.get(models)
                if line is None:
                    break
                if clip := line.first(server.name, kind):
                    self._assign(server, self._relief(server, line, now) or clip, now, made)

    def _join(self, now: float, made: list[Assignment]) -> None:
        """Idle servers whose models nobody waits for go where they are needed most."""
        while self._queue.lines and self._fleet.idle:
            horizon = self._horizon(now)
            ranked = sorted(self._queue.lines, key=lambda each: self._urgency(each, horizon, now), reverse=True)
            if not any(self._joined(models, now, made) for models in ranked):
                return

    def _joined(self, models: ModelSet, now: float, made: list[Assignment]) -> bool:
        """Give one clip of this line to an idle server, if that pays."""
        line = self._queue.lines[models]
        for kind, loaded in sorted(self._fleet.idle, key=self._preference):
            for server in self._fleet.idle[kind, loaded].values():
                clip = line.first(server.name, kind)
                if clip is None:
                    if any(kind.can(need) for need in line.seconds):
                        continue  # this one is excluded, the next may not be
                    break
                if self._pays(clip, kind, loaded, now):
                    self._assign(server, clip, now, made)
                    return True
                break
        return False

    def _preference(self, key: tuple[Kind, ModelSet | None]) -> tuple[float, bool, bool]:
        """Fast servers first; of those, empty ones, then such whose models nobody waits for."""
        kind, loaded = key
        return -self._figures.speed(kind.cls), loaded in self._queue.lines, loaded is not None

    def _pays(self, clip: Waiting, kind: Kind, loaded: ModelSet | None, now: float) -> bool:
        """True when this server would be done with the clip before the others are done with its line."""
        holding = self._fleet.holding_for(clip)
        if clip.models == loaded or holding <= 0:
            return True
        done = self._figures.switch(clip.models) + clip.seconds / self._figures.speed(kind.cls)
        return done < self._fleet.rest_of(clip.models, now) + self._queue.lines[clip.models].work / holding

    def _urgency(self, models: ModelSet, horizon: float, now: float) -> float:
        """Seconds: how long the line would last, plus its age, minus the load that it asks of a new server.

        horizon: seconds until all is done.
        """
        line = self._queue.lines[models]
        holding = self._fleet.holding(models)
        if holding > 0:
            lasts = self._fleet.rest_of(models, now) + line.work / holding
        else:  # nobody would begin before the others' work is done
            lasts = horizon + self._alone(line)
        return lasts + now - line.since - self._figures.switch(models)

    def _horizon(self, now: float) -> float:
        """Seconds until all is done, were it shared out evenly."""
        capacity = self._capacity(ANYTHING)
        return self._fleet.rest(now) + (self._queue.work() / capacity if capacity > 0 else 0.0)

    def _alone(self, line: Line, server: Server | None = None) -> float:
        """Seconds that a line lasts on all servers that can do its work, were they to do nothing else.

        No less than its next clip takes on `server`.
        """
        longest = line.next_seconds / self._fleet.speed(server) if server else 0.0
        for need, seconds in line.seconds.items():
            if (capacity := self._capacity(need)) > 0:
                longest = max(longest, seconds / capacity)
        return longest

    def _capacity(self, need: Need) -> float:
        """Sum of the speeds of all servers that have what is needed; the same for all of one `next`."""
        known = self._capacities.get(need)
        if known is None:
            known = self._capacities[need] = self._fleet.capacity(need)
        return known

    def _relief(self, server: Server, own: Line, now: float) -> Waiting | None:
        """The clip of another line for which this server leaves its own."""
        shared = self._fleet.holding(server.models or "") > self._fleet.speed(server) * (1 + TINY)
        horizon = self._horizon(now) if shared else math.inf
        chosen, oldest = None, own.since
        for other, line in self._queue.lines.items():
            if line is own:
                continue
            cost = self._figures.switch(other)
            overdue = line.since + cost < oldest and now - server.loaded_at >= PAYS_AFTER * cost
            urgent = cost + self._alone(line, server) > horizon
            if not (overdue or urgent):
                continue
            clip = line.first(server.name, server.kind)
            if clip is None or not self._pays(clip, server.kind, server.models, now):
                continue
            if urgent:
                return clip
            chosen, oldest = clip, line.since
        return chosen

    def _queue_ahead(self, now: float, made: list[Assignment]) -> None:
        """Give servers that are busy their next clip, as long as nobody could begin it sooner."""
        capacity = self._capacity(ANYTHING)
        for models in list(self._fleet.roomy):
            for server in list(self._fleet.roomy[models].values()):
                line = self._queue.lines.get(models or "") if models is not None else None
                if line is None or line.work / capacity < server.ends - now:
                    break
                if self._relief(server, line, now):
                    self._fleet.drain(server)
                elif clip := line.first(server.name, server.kind):
                    self._assign(server, clip, now, made)

    def _assign(self, server: Server, clip: Waiting, now: float, made: list[Assignment]) -> None:
        made.append(Assignment(clip.id, server.name, bool(server.clips or server.others)))
        self._queue.remove(clip.id)
        self._place(server, clip, now)

    def _place(self, server: Server, clip: Waiting, now: float) -> None:
        self._fleet.leave(server)
        begins = max(now, server.ends) if server.clips or server.others else now
        if clip.models != server.models:
            server.models = clip.models
            server.loaded_at = begins
            begins += self._figures.switch(clip.models)
        server.ends = begins + clip.seconds / self._fleet.speed(server)
        server.clips.append(clip)
        self._places[clip.id] = server
        self._fleet.enter(server)
