"""The generator's settings: `BEATLOOM_GENERATOR_*`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from libs.runtime.settings import Port, Settings, Shared, secret


class GeneratorSettings(Settings, frozen=True, kw_only=True):
    """How the generator runs."""

    shared: Shared = Shared()
    host: Annotated[str, Meta(description="Address of health and metrics.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of health and metrics.")] = 8083
    concurrency: Annotated[
        int, Meta(ge=0, le=64, description="Shots in work at once; 0: one more than there are worker processes.")
    ] = 0
    shot_timeout_s: Annotated[
        float, Meta(gt=0, le=86400, description="Seconds that the rendering of one shot may take.")
    ] = 900.0
    comfyui_urls: Annotated[
        str,
        Meta(
            description="ComfyUI servers as http://host:8188, separated by commas; dns+http://name:8188 stands for "
            "every address of the name. Empty: clips are drawn on this machine."
        ),
    ] = ""
    workflows: Annotated[
        str, Meta(description="Folder of your own ComfyUI workflows; they go before ours of the same name.")
    ] = ""
    animate: Annotated[
        str,
        Meta(
            description="Workflows for clips, separated by commas, tried in this order; `builtin` draws on this "
            "machine. Those that move to the sound go first in scenes that are performed, and last in others. "
            "Empty: what we think best, `builtin` last."
        ),
    ] = ""
    imagine: Annotated[
        str,
        Meta(
            description="Workflows for reference stills, separated by commas, tried in this order; those that edit "
            "a picture are passed over where no theme picture was sent. Empty: what we think best."
        ),
    ] = ""
    hold: Annotated[
        int, Meta(ge=1, le=512, description="Shots held ahead for the servers, so that there is a choice.")
    ] = 64
    task_budget: Annotated[
        float,
        Meta(
            ge=0, description="What a task may cost by BEATLOOM_GPU_PRICES and BEATLOOM_SPEECH_PRICE; 0: no limit."
        ),
    ] = 0.0
    voice: Annotated[
        str,
        Meta(
            description="The voice that speaks where a job names none, by its name: see docs/scripts.md. Empty: "
            "the one that is installed with us."
        ),
    ] = ""
    speech_url: Annotated[
        str,
        Meta(
            description="A speech server that knows OpenAI's `/v1/audio/speech`, as http://host:8880/v1: it speaks "
            "scripts instead of the Piper voices. Then a voice has to be named, here or by the job."
        ),
    ] = ""
    speech_model: Annotated[str, Meta(description="The model that the speech server is asked for.")] = "tts-1"
    speech_key: Annotated[str, secret("What logs us in at the speech server; empty: nothing.")] = ""
    speech_format: Annotated[
        Literal["wav", "flac", "mp3", "opus", "aac"],
        Meta(description="The kind of file that the speech server is asked for; whatever comes is understood."),
    ] = "wav"
    voices: Annotated[
        str,
        Meta(description="Folder of your own Piper voices: NAME.onnx, and NAME.onnx.json beside it."),
    ] = ""
    voice_workflow: Annotated[
        str,
        Meta(
            description="Workflow that speaks on the ComfyUI servers, instead of a speech server and the Piper "
            "voices: the name of one of your own, see docs/scripts.md."
        ),
    ] = ""
    music_workflow: Annotated[
        str,
        Meta(
            description="Workflow that makes the music under a voice on the ComfyUI servers; of your own or ours. "
            "Empty: what we think best."
        ),
    ] = ""
    voice_timeout_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds that one sentence may take to be spoken.")
    ] = 120.0
