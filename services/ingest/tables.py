"""The ledger's tables. Rows of facts and tasks are the truth; `runs` and `jobs` sum them up for reading.

What is edited beside them (characters) has its tables in `services/ingest/projects`, uploads and webhooks in
theirs, all on the one `metadata`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from libs.contracts.analysis import Notice
from libs.contracts.artifacts import Blob
from libs.contracts.jobs import JobOptions
from libs.contracts.projects import ProjectSettings
from libs.contracts.storyboard import Shot
from libs.storyboard.takes import Form
from services.ingest.brief import Given, NarratedFiles, Told
from services.ingest.columns import BIG_ID, DIGEST, JOB, KEY, SHORT, Document, Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

projects = Table(
    "projects",
    metadata,
    Column("id", JOB, primary_key=True),
    Column("owner", KEY, nullable=False),
    Column("song_name", Text, nullable=False),
    Column("song", Document[Blob](Blob)),
    Column("lyrics", Document[Blob](Blob)),
    Column("image", Document[Blob](Blob)),
    Column("duration", Float, nullable=False),
    Column("analysis", Document[Blob](Blob)),
    Column("storyboard", Document[Blob](Blob)),
    Column("created_at", Moment, nullable=False),
    Column("title", Text, nullable=False, server_default=""),
    Column("settings", Document[ProjectSettings](ProjectSettings)),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("updated_at", Moment),
    Column("last_event", Integer, nullable=False, server_default="0"),
    Column("told", Document[Told](Told)),
    Column("last_used", Moment),
    Index(None, "owner", "id"),
)
"""Until there is a song its name is "" and its duration 0. The version counts what people change: a client that
writes says which one it has seen. `last_used` is when it was ordered over, edited, or opened at last."""

jobs = Table(
    "jobs",
    metadata,
    Column("id", JOB, primary_key=True),
    Column("project_id", JOB, ForeignKey("projects.id"), nullable=False, index=True),
    Column("owner", KEY, nullable=False),
    Column("kind", SHORT, nullable=False),
    Column("options", Document[JobOptions](JobOptions), nullable=False),
    Column("notices", Document[tuple[Notice, ...]](tuple[Notice, ...]), nullable=False),
    Column("run", Integer, nullable=False),
    Column("state", SHORT, nullable=False, index=True),
    Column("last_event", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("trace", KEY, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("given", Document[Given](Given)),
    Column("caption", Text, nullable=False, server_default=""),
    Column("client_run", String(255), nullable=False, server_default=""),
    Index(None, "owner", "id"),
)
"""`caption` is the text of the post, `client_run` what the client calls the run; both are only told again."""

runs = Table(
    "runs",
    metadata,
    Column("job_id", JOB, ForeignKey("jobs.id")),
    Column("run", Integer),
    Column("state", SHORT, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("error_code", KEY),
    Column("error_message", Text),
    Column("error_task", KEY),
    Column("notices", Document[tuple[Notice, ...]](tuple[Notice, ...]), nullable=False),
    Column("scenes_total", Integer, nullable=False),
    Column("scenes_done", Integer, nullable=False),
    Column("analysis", Document[Blob](Blob)),
    Column("storyboard", Document[Blob](Blob)),
    Column("video", Document[Blob](Blob)),
    Column("report", Document[Blob](Blob)),
    Column("poster", Document[Blob](Blob)),
    Column("sheet", Document[Blob](Blob)),
    Column("narrated", Document[NarratedFiles](NarratedFiles)),
    Column("waits_for", SHORT, nullable=False, server_default="", index=True),
    Column("paused_by", SHORT),
    Column("rank", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("job_id", "run"),
)
"""`waits_for`: what keeps a run from going on that is none of its tasks: "turn", "money" or "". `rank`: 0 comes
first among those of one user that wait for their turn."""
Index(
    "ix_runs_open",
    runs.c.waits_for,
    sqlite_where=runs.c.ended_at.is_(None),
    postgresql_where=runs.c.ended_at.is_(None),
)

_OF_RUN = (("job_id", "run"), ("runs.job_id", "runs.run"))

tasks = Table(
    "tasks",
    metadata,
    Column("job_id", JOB),
    Column("run", Integer),
    Column("task", KEY),
    Column("attempt", Integer),
    Column("kind", SHORT, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("anew", Boolean, nullable=False),
    Column("message", Text, nullable=False),
    Column("trace", KEY, nullable=False),
    Column("ordered_at", Moment, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("published_at", Moment),
    Column("publications", Integer, nullable=False),
    Column("answered_at", Moment),
    Column("ceiling", BigInteger),
    PrimaryKeyConstraint("job_id", "run", "task", "attempt"),
    ForeignKeyConstraint(*_OF_RUN),
)
Index(
    "ix_tasks_unanswered",
    tasks.c.kind,
    tasks.c.published_at,
    sqlite_where=tasks.c.answered_at.is_(None),
    postgresql_where=tasks.c.answered_at.is_(None),
)

facts = Table(
    "facts",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("job_id", JOB, nullable=False),
    Column("run", Integer, nullable=False),
    Column("task", KEY, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("name", SHORT, nullable=False),
    Column("at", Moment, nullable=False),
    Column("taken_at", Moment, nullable=False),
    Column("message", Text, nullable=False),
    UniqueConstraint("job_id", "run", "task", "attempt", "name"),
    ForeignKeyConstraint(*_OF_RUN),
)

scenes = Table(
    "scenes",
    metadata,
    Column("project_id", JOB, ForeignKey("projects.id")),
    Column("scene_id", KEY),
    Column("position", Integer, nullable=False),
    Column("start_frame", Integer, nullable=False),
    Column("end_frame", Integer, nullable=False),
    Column("shot", Document[Shot](Shot), nullable=False),
    Column("take_id", BigInteger),
    Column("chosen_at", Moment),
    PrimaryKeyConstraint("project_id", "scene_id"),
)
"""`take_id` is the take that is shown; `chosen_at` is when a person has said so, at last."""

takes = Table(
    "takes",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("project_id", JOB, ForeignKey("projects.id"), nullable=False),
    Column("scene_id", KEY, nullable=False),
    Column("job_id", JOB, nullable=False),
    Column("run", Integer, nullable=False),
    Column("task", KEY, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("clip", Document[Blob](Blob), nullable=False),
    Column("lead", Integer, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("backend", KEY, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("reused", Boolean, nullable=False),
    Column("chosen", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("shot", Document[Shot](Shot)),
    Column("analysis", Document[Blob](Blob)),
    Column("form", Document[Form](Form)),
    Column("own", Boolean, nullable=False, server_default=false()),
    Column("workflow", KEY, nullable=False, server_default=""),
    Column("quality_score", Float),
    Column("user_score", Float),
    Column("character_consistency", Float),
    Column("mouth_visibility", Float),
    UniqueConstraint("job_id", "run", "task", "attempt"),
    ForeignKeyConstraint(*_OF_RUN),
    Index(None, "project_id", "scene_id"),
)
"""`chosen` is about its run, see `scenes` for the project. `shot`, `analysis` and `form` are what it was made of;
`own` says that it was made of a picture or clip that the user sent for it."""

exports = Table(
    "exports",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("project_id", JOB, ForeignKey("projects.id"), nullable=False, index=True),
    Column("job_id", JOB, nullable=False),
    Column("run", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("video", Document[Blob](Blob), nullable=False),
    Column("report", Document[Blob](Blob), nullable=False),
    Column("poster", Document[Blob](Blob), nullable=False),
    Column("frames", Integer, nullable=False),
    Column("duration", Float, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("sheet", Document[Blob](Blob)),
    UniqueConstraint("job_id", "run", "attempt"),
    ForeignKeyConstraint(*_OF_RUN),
)

references = Table(
    "artifact_references",
    metadata,
    Column("sha256", DIGEST),
    Column("project_id", JOB, ForeignKey("projects.id")),
    Column("created_at", Moment, nullable=False),
    Column("reason", SHORT, nullable=False, server_default="work"),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("warned_at", Moment),
    Column("let_go_at", Moment),
    PrimaryKeyConstraint("sha256", "project_id"),
    Index(None, "project_id"),
    Index(None, "reason", "created_at"),
)
"""`reason` says how long a blob is kept, `warned_at` when its owner was told that it will go, `let_go_at` since
when it may. A row that was let go stays, so that people can be told."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", BIG_ID, primary_key=True, autoincrement=True),
    Column("kind", SHORT, nullable=False),
    Column("job_id", JOB, nullable=False),
    Column("run", Integer, nullable=False),
    Column("task", KEY, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("trace", KEY, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("sent_at", Moment),
)
Index(
    "ix_outbox_waiting",
    outbox.c.kind,
    outbox.c.not_before,
    sqlite_where=outbox.c.sent_at.is_(None),
    postgresql_where=outbox.c.sent_at.is_(None),
)
Index("ix_outbox_sent_at", outbox.c.sent_at)
Index("ix_outbox_job_id_run", outbox.c.job_id, outbox.c.run)

events = Table(
    "events",
    metadata,
    Column("job_id", JOB, ForeignKey("jobs.id")),
    Column("number", Integer),
    Column("run", Integer, nullable=False),
    Column("name", SHORT, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("job_id", "number"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner", KEY),
    Column("key", String(255)),
    Column("body_digest", KEY, nullable=False),
    Column("job_id", JOB, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    PrimaryKeyConstraint("owner", "key"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("owner", KEY, nullable=False),
    Column("kind", SHORT, nullable=False),
    Column("job_id", JOB, nullable=False),
    Column("run", Integer, nullable=False),
    Column("task", KEY, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("code", KEY, nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("closed_at", Moment),
    Column("closed_by", SHORT),
    ForeignKeyConstraint(*_OF_RUN),
)
"""A letter is closed when somebody has replayed or dropped it."""
