"""A project's characters."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET

from libs.contracts.errors import Permanent
from services.ingest.parts import Parts
from services.ingest.projects.bodies import BibleBody, CharacterBody, CharacterList, CharacterView, file_ref
from services.ingest.projects.changing import blob_of
from services.ingest.projects.characters import Characters, Entry
from services.ingest.routes.documents import COMMON, exemplified, problem
from services.ingest.routes.projects import CHANGED, NO_PROJECT, ProjectId, project_id_of
from services.ingest.routes.versions import IfMatch, etag, version_of
from services.ingest.texts import check_text

TAG = "Characters"
NO_CHARACTER = problem("There is no such project or character.")

CharacterId = Annotated[str, PathParameter(description="The character's id.")]


def _of(parts: Parts, project_id: str) -> Characters:
    return Characters(parts.desk.database, parts.owner, project_id_of(project_id), clock=parts.desk.clock)


async def _values(parts: Parts, body: CharacterBody) -> dict[str, Any]:
    """Columns that a body names."""
    values = {name: getattr(body, name) for name in ("name", "description", "bible", "primary")}
    values = {name: value for name, value in values.items() if value is not UNSET}
    for name in ("name", "description"):
        check_text(name, values.get(name, ""))
    if isinstance(body.bible, BibleBody):
        bible = msgspec.structs.asdict(body.bible)
        for name, said in bible.items():
            check_text(f"bible.{name}", said if isinstance(said, str) else "".join(said))
    if body.picture is not UNSET:
        values["picture"] = await blob_of(parts.desk, parts.owner, "image", body.picture)
    return values


def _view(entry: Entry) -> CharacterView:
    return CharacterView(**(msgspec.structs.asdict(entry) | {"picture": file_ref(entry.picture)}))


@post(
    "/projects/{project_id:str}/characters",
    status_code=201,
    operation_id="createCharacter",
    operation_class=exemplified(
        {
            "name": "Mira",
            "description": "a driver",
            "bible": {"face": "round face, grey eyes", "wardrobe_lock": "a red raincoat"},
            "primary": True,
        }
    ),
    tags=[TAG],
    summary="Add a character",
    description="The bible goes into prompts, the picture to workflows that take references.",
    responses={
        **COMMON,
        **CHANGED,
        404: problem("There is no such project, or no such upload."),
        409: problem("The project has as many as it may."),
        422: problem("A text is not valid."),
    },
)
async def create_character(
    project_id: ProjectId, data: JSONBody[CharacterBody], parts: NamedDependency[Parts], if_match: IfMatch = ""
) -> Response[CharacterView]:
    """Add a character."""
    version = version_of(if_match)
    if data.name is UNSET:
        raise Permanent("bad_request", "A character has to have a `name`.")
    entry, now = await _of(parts, project_id).add(version, await _values(parts, data))
    return Response(_view(entry), status_code=201, headers=etag(now))


@get(
    "/projects/{project_id:str}/characters",
    operation_id="listCharacters",
    tags=[TAG],
    summary="List the characters",
    description="All of them (20 at most), the primary one first. The ETag is the project's version.",
    responses={**COMMON, 404: NO_PROJECT},
)
async def list_characters(project_id: ProjectId, parts: NamedDependency[Parts]) -> Response[CharacterList]:
    """List the characters."""
    entries, version = await _of(parts, project_id).all()
    found = CharacterList(characters=tuple(_view(entry) for entry in entries), version=version)
    return Response(found, headers=etag(version))


@get(
    "/projects/{project_id:str}/characters/{character_id:str}",
    operation_id="getCharacter",
    tags=[TAG],
    summary="Look at a character",
    description="With the number of scenes in which it is seen.",
    responses={**COMMON, 404: NO_CHARACTER},
)
async def get_character(
    project_id: ProjectId, character_id: CharacterId, parts: NamedDependency[Parts]
) -> Response[CharacterView]:
    """Look at a character."""
    entry, version = await _of(parts, project_id).get(character_id)
    return Response(_view(entry), headers=etag(version))


@patch(
    "/projects/{project_id:str}/characters/{character_id:str}",
    operation_id="updateCharacter",
    operation_class=exemplified({"bible": {"wardrobe_lock": "a yellow raincoat"}}),
    tags=[TAG],
    summary="Change a character",
    description="What is left out stays as it is. Takes in which the character is seen become stale.",
    responses={**COMMON, **CHANGED, 404: NO_CHARACTER, 422: problem("A text is not valid.")},
)
async def update_character(
    project_id: ProjectId,
    character_id: CharacterId,
    data: JSONBody[CharacterBody],
    parts: NamedDependency[Parts],
    if_match: IfMatch = "",
) -> Response[CharacterView]:
    """Change a character."""
    version = version_of(if_match)
    values = await _values(parts, data)
    entry, now = await _of(parts, project_id).change(character_id, version, values)
    return Response(_view(entry), headers=etag(now))


@delete(
    "/projects/{project_id:str}/characters/{character_id:str}",
    operation_id="deleteCharacter",
    tags=[TAG],
    summary="Delete a character",
    description="Scenes that name it go on without it.",
    responses={**COMMON, **CHANGED, 404: NO_CHARACTER},
)
async def delete_character(
    project_id: ProjectId, character_id: CharacterId, parts: NamedDependency[Parts], if_match: IfMatch = ""
) -> None:
    """Delete a character."""
    await _of(parts, project_id).remove(character_id, version_of(if_match))


HANDLERS = (create_character, list_characters, get_character, update_character, delete_character)
