"""A narrated job's facts as workers would send them, with real bytes in the store."""

import msgspec

from libs.contracts.analysis import Word
from libs.contracts.facts import SceneImage, StoryboardPlanned, TrackAnalyzed, VideoComposed, VoiceRendered
from libs.storyboard.shots import make_shots
from tests.integration.ingest.flow import VIDEO, happened, put
from tests.integration.ingest.server import Api
from tests.integration.ingest.test_api_editing import render
from tests.storyboards import storyboard
from tests.unit.storyboard.boards import beaten

SCENES = ("s000", "s001", "s002", "s003")
VOICEOVER = b"the voice as MP3"
MANIFEST = b'{"version": 1, "scenes": []}'
WORDS = ("Once", "upon", "a", "time.")


async def spoken(api: Api, job_id: str, *, run: int = 1) -> None:
    """The script has been spoken: 20 seconds, four words."""
    words = tuple(
        Word(text=text, start=float(at), end=at + 0.5, confidence=1.0, line=at // 2)
        for at, text in enumerate(WORDS)
    )
    heard = msgspec.structs.replace(beaten(20.0), beats=(), words=words)
    body = VoiceRendered(
        sound=await put(api, b"the voice", "audio/flac"),
        voiceover=await put(api, VOICEOVER, "audio/mpeg"),
        narration=await put(api, b'{"version": 1}'),
        analysis=await put(api, msgspec.json.encode(heard)),
        duration=20.0,
        sentences=1,
        made=1,
        voice="a voice",
        backend="piper",
        spoken=(await put(api, b"a sentence", "audio/flac"),),
    )
    await happened(api, job_id, "voice", body, run=run)


async def bed_heard(api: Api, job_id: str) -> None:
    """The music under it has been heard."""
    analysis = await put(api, msgspec.json.encode(beaten(6.0)))
    await happened(api, job_id, "analyze", TrackAnalyzed(analysis=analysis, duration=6.0, bpm=120.0, sections=1))


async def directed(api: Api, job_id: str, *, run: int = 1) -> None:
    """Four scenes of five seconds are planned."""
    board = storyboard([150] * len(SCENES), [0] * len(SCENES))
    body = StoryboardPlanned(
        storyboard=await put(api, msgspec.json.encode(board)),
        fps="30",
        frames=board.frames,
        width=board.width,
        height=board.height,
        shots=make_shots(board.scenes),
    )
    await happened(api, job_id, "plan", body, run=run)


async def drawn(api: Api, job_id: str) -> None:
    """Each scene has its clip."""
    for scene in SCENES:
        await render(api, job_id, f"animate.{scene}", scene)


async def composed(api: Api, job_id: str) -> None:
    """The video is finished."""
    body = VideoComposed(
        video=await put(api, VIDEO, "video/mp4"),
        report=await put(api, b'{"frames": 600}'),
        poster=await put(api, b"jpeg", "image/jpeg"),
        frames=600,
        duration=20.0,
        sheet=await put(api, b"another jpeg", "image/jpeg"),
        manifest=await put(api, MANIFEST),
        images=tuple(
            [SceneImage(scene_id=scene, blob=await put(api, scene.encode(), "image/jpeg")) for scene in SCENES]
        ),
    )
    await happened(api, job_id, "compose", body)


async def told(api: Api, job_id: str, *, bed: bool = False) -> None:
    """All of it."""
    await spoken(api, job_id)
    if bed:
        await bed_heard(api, job_id)
    await directed(api, job_id)
    await drawn(api, job_id)
    await composed(api, job_id)
