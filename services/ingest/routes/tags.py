"""What the groups of operations at /schema are for, in the order of a client's way."""

from __future__ import annotations

from litestar.openapi.spec import Tag

OPERATING = "Operating"
MY_DATA = "My data"

TAGS = [
    Tag("Uploads", "Files sent ahead of the job or project that takes them."),
    Tag("Jobs", "A song in, a video out: one order, its progress, its end."),
    Tag("Projects", "What lasts: a song, its brief, and everything that was made for it."),
    Tag("Characters", "Who is seen in a project's scenes."),
    Tag("Storyboard", "A project's scenes as a whole: planned, cuts moved, beats corrected."),
    Tag("Scenes", "One scene of a storyboard at a time; split, merged, put into another order."),
    Tag("Takes", "What was made for a scene: made again, replaced, chosen, scored. Paths call a take a version."),
    Tag("Exports", "A project's finished videos."),
    Tag("Files", "What a job has made, by ranges or by signed addresses."),
    Tag("Events", "Server-sent events of jobs and projects."),
    Tag("Webhooks", "Who is told of the end of jobs, and what was answered."),
    Tag("Budgets", "What was spent, what may be, and more."),
    Tag("Orchestrate", "The contract of n8n's flows: start, ask, get the video."),
    Tag("Accounts", "Who one is: logins, passwords, API keys."),
    Tag("Dead letters", "Work that was given up, for operators."),
    Tag(MY_DATA, "Taking away all that is kept of you, and leaving."),
    Tag(OPERATING, "Queues, GPU servers, users, money and figures, for operators."),
]

ABOUT = """\
Errors are RFC 9457 problem details with a stable `code`; docs/errors.md has them all.

Names are in camelCase in bodies of projects, characters, scenes, takes and exports, in snake_case everywhere
else, and so in a character's `bible` and in the `storyboard` document.

Writes to a project say in `If-Match` which version they are based on, as the `ETag` of the last answer says it: 428
without it, 412 when somebody was faster. Orders take an `Idempotency-Key`: the same key with the same body finds
the same job within 24 hours, answered with 200 instead of 202. Long lists have pages, the newest first (scenes in
order); `next` is the path of the next page. docs/projects.md goes the whole way with curl."""
