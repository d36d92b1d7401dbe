"""A project's stream: what changes in it, for as long as it exists."""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.projects.bodies import project_view
from services.ingest.projects.events import ProjectSnapshot
from services.ingest.projects.records import Project, ProjectEventRow
from services.ingest.projects.store import Projects
from services.ingest.streams import Start, parse_event_id


class ProjectSource:
    """One user's project, as `streams.follow` takes it."""

    def __init__(self, projects: Projects, owner: str, project_id: str) -> None:
        self.topic = project_id
        self._projects = projects
        self._owner = owner

    async def start(self, last_event_id: str) -> Start[Project | None]:
        """Where to begin for a client that saw `last_event_id`; "" for none: then with a snapshot.

        Raises Permanent("project_not_found").
        """
        last, project = await self._projects.standing(self._owner, self.topic)
        after = parse_event_id(last_event_id)
        if after == last and last_event_id.strip():
            return Start(after, None)
        if after:
            following = await self._projects.events(self._owner, self.topic, after=after, limit=1)
            if following and following[0].number == after + 1:
                return Start(after, None)
        return Start(last, project)

    async def read(self, after: int, limit: int) -> tuple[Project | None, Sequence[ProjectEventRow]]:
        """New events. Raises Permanent("project_not_found") once it is deleted."""
        return None, await self._projects.events(self._owner, self.topic, after=after, limit=limit)

    def ended(self, state: Project | None) -> bool:
        """Never: its deletion ends the stream."""
        return False

    def whole(self, state: Project | None, number: int) -> ProjectSnapshot:
        """The project."""
        assert state is not None
        return ProjectSnapshot(last_event=number, project=project_view(state))

    def chatter(self, state: Project | None) -> None:
        """There is none."""
        return
