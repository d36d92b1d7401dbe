"""Projects: made, listed, looked at, changed, removed."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from libs.contracts.errors import Permanent
from services.ingest.money.costs import read_project_costs
from services.ingest.parts import Parts
from services.ingest.projects import changing
from services.ingest.projects.bodies import ProjectBody, ProjectList, ProjectView, project_view
from services.ingest.projects.store import Projects
from services.ingest.routes.documents import COMMON, exemplified, problem
from services.ingest.routes.jobs import ID, MAX_PAGE
from services.ingest.routes.versions import IfMatch, etag, version_of

TAG = "Projects"
NO_PROJECT = problem("There is no such project.")
CHANGED = {412: problem("Somebody has changed it meanwhile."), 428: problem("There is no If-Match.")}

ProjectId = Annotated[str, PathParameter(description="The project's id.")]


def project_id_of(text: str) -> str:
    """The id in a path. Raises Permanent("project_not_found") for what can be none."""
    if not (text.isascii() and text.isalnum() and len(text) <= 64):
        raise Permanent("project_not_found")
    return text


def _projects(parts: Parts) -> Projects:
    return Projects(parts.desk.database, clock=parts.desk.clock)


@post(
    "/projects",
    status_code=201,
    operation_id="createProject",
    operation_class=exemplified(
        {
            "title": "Night Drive",
            "song": "01a1ffffaa2396aefcc4f7d87e409107",
            "prompt": "a night train",
            "format": "landscape",
            "clipSeconds": 4,
        }
    ),
    tags=[TAG],
    summary="Make a project",
    description="It may get its song later. Files are named by the ids of their uploads.",
    responses={
        **COMMON,
        404: problem("An upload is not there, or no more."),
        422: problem("An option is not valid."),
    },
)
async def create_project(data: JSONBody[ProjectBody], parts: NamedDependency[Parts]) -> Response[ProjectView]:
    """Make a project."""
    project = await changing.create(parts.desk, _projects(parts), parts.owner, data)
    headers = {**etag(project.version), "Location": f"/api/v1/projects/{project.id}"}
    return Response(project_view(project), status_code=201, headers=headers)


@get(
    "/projects",
    operation_id="listProjects",
    tags=[TAG],
    summary="List the projects",
    description="The newest first. `next` leads to the older ones.",
    responses={**COMMON, 404: NO_PROJECT},
)
async def list_projects(
    parts: NamedDependency[Parts],
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="Projects on a page.")] = 50,
    before: Annotated[str, QueryParameter(pattern=ID, description="The last project id of the page before.")] = "",
) -> ProjectList:
    """List the projects."""
    found = await _projects(parts).page(parts.owner, limit=limit, before=project_id_of(before) if before else None)
    return ProjectList(
        projects=tuple(project_view(project) for project in found),
        next=f"/api/v1/projects?limit={limit}&before={found[-1].id}" if len(found) == limit else None,
    )


@get(
    "/projects/{project_id:str}",
    operation_id="getProject",
    tags=[TAG],
    summary="Look at a project",
    description="With what it has cost and how far it is. The ETag is its version.",
    responses={**COMMON, 404: NO_PROJECT},
)
async def get_project(project_id: ProjectId, parts: NamedDependency[Parts]) -> Response[ProjectView]:
    """Look at a project."""
    project = await _projects(parts).get(parts.owner, project_id_of(project_id))
    spent = await _projects(parts).spent(parts.owner, project.id)
    costs = await parts.desk.database.look(read_project_costs, project.id)
    return Response(project_view(project, spent, costs), headers=etag(project.version))


@patch(
    "/projects/{project_id:str}",
    operation_id="updateProject",
    operation_class=exemplified({"prompt": "a night train in the rain", "style": "geometry"}),
    tags=[TAG],
    summary="Change a project",
    description=(
        "What is left out stays as it is. A new song takes the storyboard away, unless `sameGrid` says that it has"
        " the same beats: then only the sound is replaced."
    ),
    responses={
        **COMMON,
        **CHANGED,
        404: problem("There is no such project, or no such upload."),
        409: problem("A job over the project is running, or it follows a voice and takes no other song."),
        422: problem("An option is not valid."),
    },
)
async def update_project(
    project_id: ProjectId, data: JSONBody[ProjectBody], parts: NamedDependency[Parts], if_match: IfMatch = ""
) -> Response[ProjectView]:
    """Change a project."""
    version = version_of(if_match)
    project = await _projects(parts).get(parts.owner, project_id_of(project_id))
    changed = await changing.change(parts.desk, _projects(parts), project, version, data, by=parts.caller)
    return Response(project_view(changed), headers=etag(changed.version))


@delete(
    "/projects/{project_id:str}",
    operation_id="deleteProject",
    tags=[TAG],
    summary="Delete a project",
    description=(
        "With its jobs, scenes, takes and exports; their files go a day later. With If-Match only if nobody has"
        " changed it since."
    ),
    responses={
        **COMMON,
        404: NO_PROJECT,
        409: problem("A job over the project is running."),
        412: problem("Somebody has changed it meanwhile."),
    },
)
async def delete_project(project_id: ProjectId, parts: NamedDependency[Parts], if_match: IfMatch = "") -> None:
    """Delete a project."""
    version = version_of(if_match) if if_match.strip() else None
    await _projects(parts).remove(parts.owner, project_id_of(project_id), version)


HANDLERS = (create_project, list_projects, get_project, update_project, delete_project)
