"""Every name that telemetry uses: metrics, their labels, spans, attributes, fields of a log line.

Labels have few values (a kind, a code, an outcome). The id of a job goes on spans and logs only.
"""

from __future__ import annotations

# Metrics of work, by task kind.
TASKS = "beatloom_tasks_total"
TASK_SECONDS = "beatloom_task_seconds"
TASK_CPU_SECONDS = "beatloom_task_cpu_seconds_total"
TASKS_IN_WORK = "beatloom_tasks_in_work"
TASKS_REDELIVERED = "beatloom_tasks_redelivered_total"

# Metrics of the bus.
PUBLISHED = "beatloom_published_total"
DEAD_LETTERS = "beatloom_dead_letters_total"

# Metrics of the ledger.
FACTS = "beatloom_facts_total"
JOBS = "beatloom_jobs_total"
JOBS_OPEN = "beatloom_jobs_open"
OUTBOX_WAITING = "beatloom_outbox_waiting"
TASKS_SWEPT = "beatloom_tasks_swept_total"

# Metrics of HTTP.
HTTP_REQUESTS = "beatloom_http_requests_total"
HTTP_SECONDS = "beatloom_http_seconds"

# Metrics of webhooks.
DELIVERIES = "beatloom_deliveries_total"

# Labels.
LABEL_KIND = "kind"
LABEL_OUTCOME = "outcome"
LABEL_CODE = "code"
LABEL_NAME = "name"
LABEL_STATE = "state"
LABEL_STREAM = "stream"
LABEL_METHOD = "method"
LABEL_ROUTE = "route"
LABEL_STATUS = "status"

# Spans. A span's name has few values too: a kind is appended, never an id.
SPAN_TASK = "task"
SPAN_FACT = "fact"
SPAN_PUBLISH = "publish"
SPAN_HTTP = "http"

# Attributes of spans, and fields of log lines (`extra=`).
JOB_ID = "job_id"
RUN = "run"
TASK = "task"
ATTEMPT = "attempt"
KIND = "kind"
CODE = "code"
OUTCOME = "outcome"
STATE = "state"
ATTRIBUTE_PREFIX = "beatloom."

# Fields that every log line has.
LOG_TIME = "time"
LOG_LEVEL = "level"
LOG_SERVICE = "service"
LOG_LOGGER = "logger"
LOG_MESSAGE = "message"
LOG_EXCEPTION = "exception"
LOG_TRACE = "trace_id"
LOG_SPAN = "span_id"
LOG_REQUEST = "request_id"


def attribute(field: str) -> str:
    """The span attribute of a field: `beatloom.job_id`."""
    return ATTRIBUTE_PREFIX + field
