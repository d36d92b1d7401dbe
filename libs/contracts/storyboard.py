"""The storyboard: what is seen when, in whole frames of a rational frame rate. Documented, versioned JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from libs.contracts.artifacts import Blob
from libs.contracts.looks import Motif

STORYBOARD_VERSION = 1

TransitionKind = Literal["cut", "crossfade"]
SceneLyrics = Literal["none", "captions", "line", "stack", "sweep"]


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """How a scene begins. A crossfade of n frames (even) is centred on the scene's first frame."""

    kind: TransitionKind = "cut"
    frames: int = 0
    """0 for a cut."""

    @property
    def overlap(self) -> int:
        """Frames in which both scenes are seen, even."""
        return self.frames - self.frames % 2 if self.kind == "crossfade" else 0


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """A camera's move over a scene."""

    move: str
    """push, pull, pan_left, pan_right, tilt_up, tilt_down, orbit, handheld."""
    amount: float
    """0..1: how far it goes."""


class Palette(msgspec.Struct, frozen=True, kw_only=True):
    """Five roles of colour, as #rrggbb."""

    ground: str
    low: str
    mid: str
    accent: str
    light: str


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A span of the storyboard: frames start_frame (included) to end_frame (excluded)."""

    id: str
    """Stable within the project: s001, s002, ..."""
    start_frame: int
    end_frame: int
    section: str
    """Label of the section that it lies in."""
    group: int
    """The section's group: scenes of one group look related."""
    energy: float
    """0..1."""
    camera: Camera
    motion: float
    """0..1: how lively the picture moves."""
    look: str
    """The treatment that draws the scene, or `auto`."""
    palette: Palette
    prompt: str
    negative_prompt: str
    seed: int
    transition: Transition = Transition()
    text: str = ""
    """What the look writes large: the title, or the song's hook."""
    lyrics: SceneLyrics = "captions"
    """How sung words are shown. All but captions are drawn with the picture, so that the clip has them."""
    motif: Motif = "disc"
    """The song's signature shape."""
    visit: int = 0
    """How often the song has been in this group before: a return may change one thing."""
    finale: bool = False
    """The last return of the loudest part: it goes further."""
    variant: int = 0
    """Which layout or framing of its look, 0..5. With the visit added, neighbours differ by 1 or 5 of 6, so that
    neither halves nor thirds agree."""
    still: str | msgspec.UnsetType = msgspec.UNSET
    """The reference still of its place; absent where no stills are made."""
    characters: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Ids of the project's characters who are seen in it; absent where nobody was named."""
    performance: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether somebody performs the song in it; absent: no."""


class Still(msgspec.Struct, frozen=True, kw_only=True):
    """A reference still: a place of the video, made before the clips that are seen there."""

    id: str
    """p1, p2, ..."""
    prompt: str
    negative_prompt: str
    seed: int
    width: int
    height: int
    character: str | msgspec.UnsetType = msgspec.UNSET
    """Id of the character who is seen there; absent: nobody."""


class Storyboard(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of the whole video. Scenes touch, in order, and add up to `frames` exactly."""

    version: int = STORYBOARD_VERSION
    fps: str
    """A fraction as text: "30", "30000/1001"."""
    frames: int
    width: int
    height: int
    seed: int
    scenes: tuple[Scene, ...]
    stills: tuple[Still, ...] | msgspec.UnsetType = msgspec.UNSET
    """Two to four in a video that GPU servers make, of one scene one; absent in any other."""
    locked: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Ids of the scenes that no edit may change; absent without any."""
    last_scene: int | msgspec.UnsetType = msgspec.UNSET
    """The highest number that a scene's id has ever had, as ids aren't used again; absent: the highest there is."""


class Shot(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the generator for a scene: its frames and the handles its transitions need.

    The clip begins `lead` frames before the scene's first frame and has `frames` frames in all.
    """

    scene: Scene
    lead: int
    frames: int


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    """Where a take's clip lies within the video: clip frame `lead` is the scene's first frame."""

    scene_id: str
    lead: int
    frames: int
    blob: Blob
