"""Pictures of scenes: of each the frame in its middle, as a JPEG, without captions."""

from __future__ import annotations

from fractions import Fraction

from libs.artifacts.results import find_blob, keep_blob
from libs.contracts.artifacts import Blob, result_key
from libs.contracts.errors import Permanent
from libs.contracts.facts import SceneImage
from libs.contracts.storyboard import Clip, Scene
from libs.contracts.tasks import Compose
from libs.runtime.together import together
from services.composer.documents import Documents
from services.composer.poster import poster_args
from services.composer.suite import Suite

VERSION = "1"
"""Raised whenever the same clip gives another picture."""
_PATIENCE_S = 30.0


async def scene_images(suite: Suite, order: Compose, documents: Documents) -> tuple[SceneImage, ...]:
    """One of each scene of a narrated video, in order; none of any other."""
    if documents.narration is None:
        return ()
    clips, scenes = {clip.scene_id: clip for clip in order.clips}, documents.board.scenes
    fps = documents.encoding.fps
    blobs = await together(*(scene_image(suite, scene, clips[scene.id], fps) for scene in scenes))
    return tuple(SceneImage(scene_id=scene.id, blob=blob) for scene, blob in zip(scenes, blobs, strict=True))


async def scene_image(suite: Suite, scene: Scene, clip: Clip, fps: Fraction) -> Blob:
    """The picture, found or made."""
    store = suite.store
    frame = clip.lead + (scene.end_frame - scene.start_frame) // 2
    inputs = {"clip": clip.blob.sha256, "frame": frame, "tool": suite.settings.shared.ffmpeg}
    key = result_key("image", VERSION, suite.owner, inputs)
    async with suite.studio.alone(key):
        found = await find_blob(store, key)
        if found is not None:
            return found
        output = suite.folder / f"{scene.id}.jpg"
        async with store.local(clip.blob) as path, suite.studio.encoders:
            await suite.tools.ffmpeg(poster_args(path, frame, fps, output), _PATIENCE_S)
        if not output.exists():
            raise Permanent("output_check_failed", f"The clip of scene {scene.id} is too short.")
        blob = await keep_blob(store, key, await store.put_file(output, "image/jpeg"))
        output.unlink()
        return blob
