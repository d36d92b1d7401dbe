"""What clients send and get of projects and characters. Names on the wire are in camel case."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from libs.contracts.artifacts import Blob
from libs.contracts.characters import Bible
from libs.contracts.jobs import FrameRate, Height, LyricsStyle, State
from libs.contracts.projects import BrandKit, Colour, Format, Fraction, Line, ProjectSettings
from services.ingest.money.costs import CostsView
from services.ingest.projects.records import Project, Spent

UploadId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$", description="Of POST /api/v1/uploads.")]
Title = Annotated[str, Meta(max_length=200)]


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a client sends: a misspelt name is told, not ignored."""


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a client gets."""


class BrandKitBody(Body, frozen=True, kw_only=True):
    """How a brand wants to be seen."""

    colours: Annotated[tuple[Colour, ...], Meta(max_length=12, description="As #rrggbb.")] = ()
    logo: Annotated[UploadId | None, Meta(description="An upload of the kind image.")] = None
    fonts: Annotated[tuple[Annotated[str, Meta(max_length=100)], ...], Meta(max_length=6)] = ()
    dos: Annotated[tuple[Line, ...], Meta(max_length=20)] = ()
    donts: Annotated[tuple[Line, ...], Meta(max_length=20)] = ()


class ProjectBody(Body, frozen=True, kw_only=True):
    """A project, or what is to be changed of one: what is left out stays as it is."""

    title: Title | UnsetType = UNSET
    song: Annotated[UploadId | UnsetType, Meta(description="An upload of the kind audio.")] = UNSET
    same_grid: Annotated[
        bool,
        Meta(
            description="The new song has the old one's beats (another mix, a remaster): storyboard and takes stay,"
            " only the sound is replaced. It has to be as long, to a tenth of a second."
        ),
    ] = False
    image: Annotated[UploadId | UnsetType | None, Meta(description="An upload of the kind image; null: none.")] = (
        UNSET
    )
    lyrics: Annotated[
        UploadId | UnsetType | None, Meta(description="An upload of the kind lyrics; null: none.")
    ] = UNSET
    format: Format | UnsetType = UNSET
    prompt: Annotated[str, Meta(max_length=4000)] | UnsetType = UNSET
    style: Annotated[str | UnsetType, Meta(description="`auto`, a family of looks, or a look: docs/looks.md.")] = (
        UNSET
    )
    category: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    clip_seconds: Annotated[
        Literal[4, 8, 12] | UnsetType | None, Meta(description="Length of scenes; null: as the song asks.")
    ] = UNSET
    performance_density: Annotated[
        Fraction | UnsetType, Meta(description="Share of the scenes in which somebody performs the song.")
    ] = UNSET
    brand_kit: BrandKitBody | UnsetType = UNSET
    budget_cap_usd: Annotated[float, Meta(ge=0, le=1_000_000)] | UnsetType | None = UNSET
    height: Height | UnsetType = UNSET
    fps: FrameRate | UnsetType = UNSET
    lyrics_style: LyricsStyle | UnsetType = UNSET
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] | UnsetType = UNSET


class FileRef(View, frozen=True, kw_only=True):
    """A file that belongs to the project."""

    sha256: Annotated[str, Meta(description="Lower-case hex.")]
    size: Annotated[int, Meta(description="Bytes.")]
    media_type: str


class BrandKitView(View, frozen=True, kw_only=True):
    """How a brand wants to be seen."""

    colours: tuple[str, ...]
    logo: FileRef | None
    fonts: tuple[str, ...]
    dos: tuple[str, ...]
    donts: tuple[str, ...]


class SpentView(View, frozen=True, kw_only=True):
    """What all jobs of the project have cost so far."""

    cpu_seconds: float
    gpu_seconds: float
    cost: Annotated[float, Meta(description="In the currency of the budget.")]


class ProjectCost(View, frozen=True, kw_only=True):
    """What some work has cost."""

    cost: Annotated[float, Meta(description="In the currency of the settings.")]
    gpu_seconds: Annotated[float, Meta(description="On GPU servers, attempts that gave nothing included.")]
    tokens: Annotated[int, Meta(description="Of language models.")]
    characters: Annotated[int, Meta(description="That were spoken.")]


class ProjectCosts(ProjectCost, frozen=True, kw_only=True):
    """What all jobs over a project have cost."""

    reserved: Annotated[float, Meta(description="What work that is under way may still cost.")]
    cap: Annotated[
        float | None,
        Meta(description="`budgetCapUsd` with what was approved; null without one, and until anything costs."),
    ]
    kinds: Annotated[
        dict[str, ProjectCost], Meta(description="By what was made: `animate`, `imagine`, `voice`, `score`.")
    ]


class ProjectView(View, frozen=True, kw_only=True):
    """A project as it stands."""

    id: str
    version: Annotated[int, Meta(description="Counts what people change; send it as If-Match with a write.")]
    title: str
    format: Format
    prompt: str
    style: str
    category: str
    clip_seconds: int | None
    performance_density: float
    brand_kit: BrandKitView
    budget_cap_usd: float | None
    height: int
    fps: str
    lyrics_style: LyricsStyle
    seed: int | None
    song: FileRef | None
    song_name: str
    script: Annotated[FileRef | None, Meta(description="What is told, as JSON; null: the video follows a song.")]
    duration: Annotated[float, Meta(description="Seconds of the song, or of what is told; 0 without either.")]
    lyrics: FileRef | None
    image: FileRef | None
    scenes: Annotated[int, Meta(description="Of the storyboard; 0 until there is one.")]
    scenes_shown: Annotated[int, Meta(description="Scenes that have a take to show.")]
    job_id: Annotated[str | None, Meta(description="The newest job over the project.")]
    status: Annotated[State | None, Meta(description="That job's state.")]
    spent: Annotated[SpentView | None, Meta(description="Left out in lists.")] = None
    costs: Annotated[ProjectCosts | None, Meta(description="By what was made; left out in lists.")] = None
    created_at: datetime
    updated_at: datetime


class ProjectList(View, frozen=True, kw_only=True):
    """Projects, the newest first."""

    projects: tuple[ProjectView, ...]
    next: Annotated[str | None, Meta(description="Path of the next page; null on the last.")] = None


class BibleBody(Bible, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a character always looks like. It goes into the prompts."""


class CharacterBody(Body, frozen=True, kw_only=True):
    """A character, or what is to be changed of one: what is left out stays as it is."""

    name: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=2000)] | UnsetType = UNSET
    bible: BibleBody | UnsetType = UNSET
    picture: Annotated[
        UploadId | UnsetType | None, Meta(description="An upload of the kind image; null: none.")
    ] = UNSET
    primary: Annotated[
        bool | UnsetType, Meta(description="Who is meant where nobody is named; one of a project at most.")
    ] = UNSET


class CharacterView(View, frozen=True, kw_only=True):
    """Somebody who is seen in the video."""

    id: str
    name: str
    description: str
    bible: Bible
    picture: FileRef | None
    primary: bool
    appearances: Annotated[int, Meta(description="Scenes of the storyboard in which the character is seen.")]
    created_at: datetime
    updated_at: datetime


class CharacterList(View, frozen=True, kw_only=True):
    """All characters of a project, the primary one first."""

    characters: tuple[CharacterView, ...]
    version: Annotated[int, Meta(description="The project's.")]


def file_ref(blob: Blob | None) -> FileRef | None:
    """What a client is told of a file."""
    return None if blob is None else FileRef(sha256=blob.sha256, size=blob.size, media_type=blob.media_type)


def project_view(project: Project, spent: Spent | None = None, costs: CostsView | None = None) -> ProjectView:
    """A project as clients get it."""
    settings: dict[str, Any] = msgspec.structs.asdict(project.settings)
    kit: BrandKit = settings.pop("brand_kit")
    return ProjectView(
        **settings,
        brand_kit=BrandKitView(
            colours=kit.colours, logo=file_ref(kit.logo), fonts=kit.fonts, dos=kit.dos, donts=kit.donts
        ),
        song=file_ref(project.song),
        script=file_ref(project.told.script) if project.told is not None else None,
        lyrics=file_ref(project.lyrics),
        image=file_ref(project.image),
        **{name: getattr(project, name) for name in _AS_THEY_ARE},
        status=project.state,
        spent=SpentView(**msgspec.structs.asdict(spent)) if spent is not None else None,
        costs=_costs(costs) if costs is not None else None,
    )


def _costs(costs: CostsView) -> ProjectCosts:
    fields = msgspec.structs.asdict(costs)
    fields.pop("scenes")
    kinds = {kind: ProjectCost(**msgspec.structs.asdict(one)) for kind, one in fields.pop("kinds").items()}
    return ProjectCosts(**fields, kinds=kinds)


_AS_THEY_ARE = (
    "id",
    "version",
    "title",
    "song_name",
    "duration",
    "scenes",
    "scenes_shown",
    "job_id",
    "created_at",
    "updated_at",
)

SETTINGS = tuple(name for name in ProjectSettings.__struct_fields__ if name != "brand_kit")
"""Fields of the settings that a body says as they are."""
