"""What ingest does on a `fetch` task: files that an order names by their address get into the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from libs.bus.handler import Handler, TaskContext
from libs.contracts.facts import SourceFetched, WorkFact
from libs.contracts.jobs import check_means
from libs.contracts.tasks import Fetch, Task, TaskKind
from libs.runtime.together import together
from services.ingest.uploads.desk import Desk, Looked, look, stored
from services.ingest.uploads.kinds import UploadKind

AT_ONCE = 8
"""Orders whose files are fetched at a time."""


def make_handlers(desk: Desk) -> Mapping[TaskKind, Handler]:
    """The handler by task kind."""

    async def fetch(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Fetch)
        return [await fetched(desk, order)]

    return {"fetch": fetch}


async def fetched(desk: Desk, order: Fetch) -> SourceFetched:
    """The order's files, checked as if they had been sent, in the store. A worker that dies fetches again.

    Raises as `Fetching.fetch`, the scanner, the probes and the store do; Permanent("bad_options") for a style that
    can't be drawn with them.
    """
    async with desk.scratch.folder() as folder:
        sound, picture = await together(
            _looked(desk, order.audio_url, "audio", folder), _looked(desk, order.image_url, "image", folder)
        )
        title = order.options.title or (sound.facts.title if sound is not None else "")
        check_means(
            order.options.style,
            picture=order.picture or picture is not None,
            title=bool(title),
            lyrics=order.lyrics,
        )
        image = await stored(desk, picture) if picture is not None else None
        if sound is None:
            return SourceFetched(image=image)
        return SourceFetched(
            song=await stored(desk, sound),
            song_name=sound.name,
            duration=sound.facts.duration or 0.0,
            title=sound.facts.title,
            image=image,
            notices=sound.facts.notices,
        )


async def _looked(desk: Desk, url: str, kind: UploadKind, folder: Path) -> Looked | None:
    return await look(desk, kind, await desk.fetching.fetch(url, kind, folder)) if url else None
