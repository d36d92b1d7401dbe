"""Each workflow of the repository through a whole prompt: uploads, validation, a file of the right kind."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from services.generator.comfyui.address import Address
from services.generator.comfyui.binding import bind
from services.generator.comfyui.gateway import Gateway
from services.generator.comfyui.graph import document_of
from services.generator.comfyui.library import load_library
from services.generator.comfyui.limits import fit_size
from services.generator.comfyui.workflow import PARAMETERS
from tests.servers.comfyui import ComfyDouble

LIBRARY = load_library()


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A picture, a sound and a clip, small."""
    folder = tmp_path_factory.mktemp("media")
    found = {"image": folder / "a.png", "audio": folder / "a.wav", "video": folder / "a.mp4"}
    sources = {"image": "testsrc=s=64x64:d=0.04", "audio": "sine=d=1", "video": "testsrc=s=64x64:r=12:d=1"}
    for kind, path in found.items():
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", sources[kind], str(path)]
        subprocess.run(command, check=True)
    return found


@pytest.mark.parametrize("name", sorted(LIBRARY.workflows))
async def test_a_whole_prompt(name: str, comfyui: ComfyDouble, media: dict[str, Path], tmp_path: Path) -> None:
    workflow = LIBRARY.get(name)
    profile = workflow.by_memory[-1]
    limits = workflow.limits_of(profile)
    width, height = fit_size(limits, limits.min_side, limits.min_side)
    numbers = {"width": width, "height": height, "frames": limits.round_up(9), "seconds": 1.0, "factor": 2}
    async with Gateway(Address(comfyui.url), uuid.uuid4().hex) as gateway:
        values: dict[str, str | int | float] = {"seed": 11}
        for parameter in workflow.parameters:
            if parameter in numbers:
                values[parameter] = numbers[parameter]
            elif PARAMETERS[parameter] == "file":
                kind = parameter if parameter in ("audio", "video") else "image"
                values[parameter] = await gateway.upload(media[kind], media[kind].name)
            elif PARAMETERS[parameter] == "text":
                values[parameter] = "a lighthouse"
        graph = bind(workflow, values, prefix=f"beatloom/{name}-1", profile=profile)
        prompt_id = str(uuid.uuid4())
        await gateway.submit(document_of(graph), prompt_id)
        comfyui.wait(lambda state: not state["running"] and not state["pending"], timeout_s=20)
        entry = await gateway.history(prompt_id)
        assert entry is not None
        assert entry.status == "success"
        files = [
            file
            for file in entry.outputs[workflow.output.node]
            if file.filename.rpartition(".")[2] in workflow.output.types
        ]
        assert len(files) == 1
        assert files[0].filename.startswith(f"{name}-1")
        assert (await gateway.download(files[0], tmp_path / "out")).size > 0
    if workflow.takes("frames"):
        with av.open(str(tmp_path / "out")) as clip:
            assert len(list(clip.decode(video=0))) == numbers["frames"]
            assert clip.streams.video[0].average_rate == (workflow.limits.fps or 24)
