"""docs/events.md, made from the structs of `events`, `views` and `projects.events`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import msgspec

from libs.contracts.jobs import State
from services.ingest.events import (
    BudgetPaused,
    BudgetWarning,
    Completed,
    CostUpdate,
    EventName,
    Failed,
    Message,
    ProgressEvent,
    StageUpdate,
)
from services.ingest.projects.events import EVENTS, ProjectSnapshot
from services.ingest.streams import KEEP_ALIVE_SECONDS
from services.ingest.views import Snapshot

STRUCTS: MappingProxyType[EventName, type[msgspec.Struct]] = MappingProxyType(
    {
        "stage_update": StageUpdate,
        "progress": ProgressEvent,
        "message": Message,
        "cost_update": CostUpdate,
        "budget_warning": BudgetWarning,
        "budget_paused": BudgetPaused,
        "completed": Completed,
        "error": Failed,
        "snapshot": Snapshot,
    }
)
"""The data of each event that a stream may hold."""

_INTRO = f"""# Events

Generated from `services/ingest/events.py` and `services/ingest/projects/events.py`. The events of a job come first,
those of a project [below](#events-of-a-project).

`GET /api/v1/jobs/{{id}}/stream` answers server-sent events: what has happened in the current run, in order, and
then what happens, until the run ends. The data of each is one JSON object; fields may be added later, so ignore
those that you don't know.

- **Resume.** Every event but `progress` has an id, its number within the job. Send the last one that you saw as the
  header `Last-Event-ID` (browsers do so by themselves) or as `?last_event_id=`, to any replica: nothing is missed.
- **Too old.** When the events after that id are gone, or the id is none of ours, a `snapshot` comes first.
- **The end.** After `completed` or `error` the stream closes. A return with that event's id gets 204, which
  tells a browser to stop. `retry` opens a new run, whose events go on with the next number.
- **Silence.** A comment is sent every {KEEP_ALIVE_SECONDS:.0f} s when nothing happens.
- **Slow clients** miss `progress` events and nothing else.

A stage is named after the run's state: {", ".join(f"`{state}`" for state in State)}.
"""


_OF_PROJECTS = """
# Events of a project

`GET /api/v1/projects/{id}/stream` answers what changes in a project for as long as it exists. Names of fields are
in camel case, as everywhere in projects. It is resumed as the stream of a job is, with these differences:

- **A newcomer** gets a `snapshot` of the project first, and then what happens; so does a client whose id is too old
  or none of ours.
- **Every event** has an id, its number within the project, and the project's `version`: what an editor sends as
  `If-Match` with its next write. Who holds an older version reads anew what the event names.
- **The end.** The stream closes when the project is deleted; a return then gets 404. Of each job over the project,
  `job_update` and `job_ended` say how it stands; its own stream says more.
"""


def events_page() -> str:
    """The whole page."""
    of_jobs = "".join(_section(name, struct) for name, struct in STRUCTS.items())
    of_projects: dict[str, type[msgspec.Struct]] = {**EVENTS, "snapshot": ProjectSnapshot}
    return _INTRO + of_jobs + _OF_PROJECTS + "".join(_section(name, it) for name, it in of_projects.items())


def _section(name: str, struct: type[msgspec.Struct]) -> str:
    summary = (struct.__doc__ or "").strip().splitlines()[0]
    schema = msgspec.json.schema(struct)
    fields = schema["$defs"][struct.__name__]["properties"]
    rows = "".join(f"| `{field}` | {_kind(spec)} | {_words(spec)} |\n" for field, spec in fields.items())
    return f"\n## `{name}`\n\n{summary}\n\n| field | type | meaning |\n| --- | --- | --- |\n{rows}"


def _kind(spec: dict[str, Any]) -> str:
    if "anyOf" in spec:
        return " or ".join(_kind(each) for each in spec["anyOf"])
    if "$ref" in spec:
        name = str(spec["$ref"]).rsplit("/", 1)[-1]
        return {"State": "a stage's name", "JobView": "object", "ProjectView": "object"}.get(name, name)
    if "enum" in spec:
        return ", ".join(f"`{each}`" for each in spec["enum"])
    if spec.get("format") == "date-time":
        return "time (RFC 3339)"
    return str(spec.get("type", "any"))


def _words(spec: dict[str, Any]) -> str:
    return str(spec.get("description", "")).replace("|", "\\|")
