"""Whose things are whose: one table, from the parameters of paths to the owners of what they name."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import sqlalchemy as sa

from libs.contracts.errors import Permanent
from services.ingest import tables as t
from services.ingest.accounts.tables import api_keys
from services.ingest.database import Database
from services.ingest.my_data.tables import data_exports
from services.ingest.uploads.tables import uploads
from services.ingest.webhooks.tables import deliveries, webhook_endpoints

KNOWN = 20_000
"""Owners that are kept at hand: some 5 MB."""

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Owned(NamedTuple):
    """A kind of thing that somebody owns, by the columns `id` and `owner` of its table."""

    table: sa.Table
    code: str
    """What is answered when there is none, or when it is somebody else's: the same."""


OWNED: Mapping[str, Owned] = MappingProxyType(
    {
        "job_id": Owned(t.jobs, "job_not_found"),
        "project_id": Owned(t.projects, "project_not_found"),
        "upload_id": Owned(uploads, "upload_not_found"),
        "endpoint_id": Owned(webhook_endpoints, "endpoint_not_found"),
        "api_key_id": Owned(api_keys, "api_key_not_found"),
        "delivery_id": Owned(deliveries, "delivery_not_found"),
        "data_export_id": Owned(data_exports, "data_export_not_found"),
    }
)
"""Parameters of paths that name a thing of somebody's."""

WITHIN: Mapping[str, str] = MappingProxyType(
    {
        "scene_id": "project_id",
        "take_id": "project_id",
        "character_id": "project_id",
        "export_id": "project_id",
        "name": "job_id",
    }
)
"""Parameters that name a part of such a thing: the route looks for it in that one, and nowhere else."""


class Owners:
    """Who owns what a path names. An owner never changes and an id never comes again: what was found once holds."""

    def __init__(self, database: Database, *, known: int = KNOWN) -> None:
        self._database = database
        self._most = known
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def owner(self, parameter: str, thing: str) -> str:
        """The owner of the thing that a parameter of `OWNED` names.

        Raises Permanent with the code of that kind when there is none.
        """
        key = (parameter, thing)
        owner = self._known.get(key)
        if owner is not None:
            self._known.move_to_end(key)
            return owner
        owned = OWNED[parameter]
        owner = await self._database.look(_read_owner, owned.table, thing) if _ID.fullmatch(thing) else None
        if owner is None:
            raise Permanent(owned.code)
        self._known[key] = owner
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return owner

    async def check(self, owner: str, named: Mapping[str, object]) -> None:
        """Return when all that a path names is this owner's. named: its parameters.

        Raises Permanent with the code of what isn't, as if it weren't there.
        """
        for parameter, thing in named.items():
            if parameter in OWNED and await self.owner(parameter, str(thing)) != owner:
                raise Permanent(OWNED[parameter].code)

    async def common(self, named: Mapping[str, object]) -> str:
        """The owner of all that a path names. Raises as `owner`, and when it is not one and the same."""
        found = {name: await self.owner(name, str(thing)) for name, thing in named.items() if name in OWNED}
        first = next(iter(found), "")
        await self.check(found[first], named)
        return found[first]


def _read_owner(connection: sa.Connection, table: sa.Table, thing: str) -> str | None:
    owner: str | None = connection.execute(sa.select(table.c.owner).where(table.c.id == thing)).scalar_one_or_none()
    return owner
