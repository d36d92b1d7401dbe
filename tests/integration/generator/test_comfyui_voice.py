"""Speech by a workflow of one's own: a made-up pack of nodes speaks, on doubles of ComfyUI servers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest

from libs.artifacts import open_store
from libs.bus.connection import Bus
from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent, Retryable
from libs.contracts.facts import VoiceRendered
from libs.contracts.jobs import JobOptions
from libs.contracts.scripts import Script
from libs.contracts.tasks import Task
from libs.contracts.tasks import Voice as VoiceOrder
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.comfyui.direction import speaking
from services.generator.comfyui.kept import Kept
from services.generator.comfyui.lease import Leases
from services.generator.comfyui.library import CANARY, load_library
from services.generator.comfyui.members import Members
from services.generator.comfyui.pool import Pool
from services.generator.comfyui.prompter import Prompter
from services.generator.comfyui.slots import Slots
from services.generator.voice.comfyui import ComfyVoice
from services.generator.voice.port import Line
from services.generator.voice.sound_sent import RATE
from tests.fakes.comfyui.catalogue import SPEAKS
from tests.fakes.comfyui.meaning import LETTER_S
from tests.servers.comfyui import ComfyDouble, MakeDouble, accepted
from tests.servers.nats import NatsServer
from tests.service_process import ServiceProcess, first_fact

GRAPH: dict[str, dict[str, Any]] = {
    "1": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": ""}, "_meta": {"title": "BEATLOOM_TEXT"}},
    "2": {
        "class_type": SPEAKS,
        "inputs": {"text": ["1", 0], "voice": "ada", "speed": 1.0, "seed": 1},
        "_meta": {"title": "BEATLOOM_VOICE BEATLOOM_SPEED"},
    },
    "3": {"class_type": "SaveAudio", "inputs": {"audio": ["2", 0], "filename_prefix": "speech"}},
}


@asynccontextmanager
async def a_voice(
    bus: Bus, root: Path, urls: Sequence[str], workers: WorkerPool, *, voice: str = "", patience_s: float = 20.0
) -> AsyncIterator[ComfyVoice]:
    """The engine over these servers."""
    own = root / "workflows"
    own.mkdir(exist_ok=True)
    (own / "speaker.json").write_text(json.dumps(GRAPH))
    library = load_library(own)
    workflow = speaking(library, "speaker")
    store = open_store(f"file://{root}/artifacts")
    async with AsyncExitStack() as stack:
        scratch = await stack.enter_async_context(Scratch(root / "scratch"))
        pool = await stack.enter_async_context(
            Pool(
                Members(urls),
                {workflow.name: workflow},
                Slots(bus),
                process="one",
                canary=library.get(CANARY),
                patience_s=patience_s,
            )
        )
        kept = Kept(Prompter(pool, Leases(bus), workers), store, workers)
        yield ComfyVoice(workflow, lambda: (pool, kept), voice=voice, store=store, workers=workers, scratch=scratch)


def line(text: str = "The rain has stopped.", *, voice: str = "speaker", speed: float = 1.0) -> Line:
    return Line(text=text, words=tuple(text.split()), voice=voice, speed=speed, language="en")


def context(job: str = "j1") -> TaskContext:
    body = VoiceOrder(script=Blob(sha256="0" * 64, size=1, media_type="application/json"), options=JobOptions())
    return TaskContext(Task(job_id=job, run=1, task="voice", attempt=1, owner="ann", body=body))


def sent(double: ComfyDouble) -> list[dict[str, Any]]:
    """What the speaking node was told, in any order: it stands in the files that were saved."""
    found = []
    for path in sorted((double.folder / "output").rglob("*.flac")):
        with av.open(str(path)) as file:
            graph = json.loads(file.metadata["prompt"])
        found.append({**graph["2"]["inputs"], "text": graph["1"]["inputs"]["value"]})
    return found


async def test_a_sentence_is_a_prompt_and_costs_nothing_twice(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with a_voice(bus, tmp_path, [comfyui.url], workers) as voice:
        assert voice.named("") == "speaker"
        account = context()
        speech = await voice.say(line(), account)
        await voice.check()
        assert (speech.rate, speech.words) == (RATE, None)
        assert len(speech.sound) / RATE == pytest.approx(21 * LETTER_S, abs=0.05)
        assert account.billed.gpu_seconds > 0
        again = context("j2")
        assert (await voice.say(line(), again)).sound.tolist() == speech.sound.tolist()
        assert (again.billed.gpu_seconds, accepted(comfyui)) == (0.0, 1)
        slow = await voice.say(line("Anew.", voice="ben", speed=0.5), context())
        assert len(slow.sound) / RATE == pytest.approx(10 * LETTER_S, abs=0.05)
        assert {(one["text"], one["voice"], one["speed"]) for one in sent(comfyui)} == {
            ("The rain has stopped.", "ada", 1.0),
            ("Anew.", "ben", 0.5),
        }
        assert len((await voice.say(line("… ☀"), context())).sound) == 0
        assert accepted(comfyui) == 2


async def test_what_no_node_offers_is_refused_before_it_is_sent(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with a_voice(bus, tmp_path, [comfyui.url], workers) as voice:
        await voice.say(line(), context())
        for wrong, code, told in (
            (line("No.", voice="eve"), "voice_unknown", "eve"),
            (line("No.", speed=2.0), "voice_failed", "the most is 1.5"),
        ):
            with pytest.raises(Permanent) as caught:
                await voice.say(wrong, context())
            assert caught.value.code == code
            assert told in caught.value.message
        assert accepted(comfyui) == 1
        await voice.say(line("And the server goes on."), context())


async def test_silence_is_tried_again_with_another_seed(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.next_prompt(bad_output="black")
    async with a_voice(bus, tmp_path, [comfyui.url], workers) as voice:
        speech = await voice.say(line(), context())
        assert len(speech.sound) > 0
        seeds = {one["seed"] for one in sent(comfyui)}
        assert (accepted(comfyui), len(seeds)) == (2, 2)


@pytest.mark.parametrize("fault", [{"bad_output": "garbage"}, {"bad_output": "none"}, {"exec_error": "no tongue"}])
async def test_three_prompts_without_speech_are_enough(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool, fault: dict[str, str]
) -> None:
    comfyui.set(**fault)
    async with a_voice(bus, tmp_path, [comfyui.url], workers) as voice:
        with pytest.raises(Permanent) as caught:
            await voice.say(line(), context())
    assert caught.value.code == "voice_failed"
    assert accepted(comfyui) == 3


async def test_no_server_that_speaks(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    double = comfyui_servers(without_nodes=[SPEAKS])
    async with a_voice(bus, tmp_path, [double.url], workers) as voice:
        with pytest.raises(Permanent) as lacking:
            await voice.say(line(), context())
    assert lacking.value.code == "voice_unavailable"
    double.stop()
    async with a_voice(bus, tmp_path, [double.url], workers, patience_s=0.5) as voice:
        with pytest.raises(Retryable) as gone:
            await voice.say(line(), context())
        assert gone.value.code == "voice_unavailable"
        with pytest.raises(Retryable) as unready:
            await voice.check()
        assert unready.value.code == "voice_unavailable"


async def test_a_killed_server_is_survived(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.next_prompt(crash="running")
    async with a_voice(bus, tmp_path, [comfyui.url], workers) as voice:
        assert len((await voice.say(line(), context())).sound) > 0


async def test_a_generator_that_is_killed_takes_its_prompt_up_again(
    nats: NatsServer, bus: Bus, comfyui: ComfyDouble, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "speaker.json").write_text(json.dumps(GRAPH))
    comfyui.set(node_s=2.0)
    service = ServiceProcess(
        "generator",
        nats,
        tmp_path,
        comfyui_urls=comfyui.url,
        workflows=str(own),
        animate="builtin",
        voice_workflow="speaker",
        voice="ben",
    )
    script = Script(text="The rain has stopped at last.", language="en")
    blob = await open_store(service.store).put_bytes(msgspec.json.encode(script), "application/json")
    body = VoiceOrder(script=blob, options=JobOptions())
    try:
        service.start()
        await service.url()
        await bus.publish_task(Task(job_id="j1", run=1, task="voice", attempt=1, owner="ann", body=body))
        await comfyui.until(lambda state: bool(state["running"]), 30.0)
        service.kill()
        service.start()
        fact = await first_fact(bus)
        assert isinstance(fact.body, VoiceRendered)
        assert (fact.body.backend, fact.body.voice, fact.body.sentences) == ("comfyui", "ben", 1)
        assert accepted(comfyui) == 1
        assert await service.stop() == 0
    finally:
        service.kill()


def test_what_a_workflow_needs_to_speak(tmp_path: Path) -> None:
    songs = {**GRAPH, "1": {**GRAPH["1"], "_meta": {"title": "BEATLOOM_PROMPT"}}}
    (tmp_path / "songs.json").write_text(json.dumps(songs))
    (tmp_path / "speaker.json").write_text(json.dumps(GRAPH))
    library = load_library(tmp_path)
    assert (library.get("speaker").task, library.get("songs").task) == ("voice", "music")
    assert library.get("speaker").needed == {"text"}
    for name in ("songs", "sdxl"):
        with pytest.raises(Permanent) as caught:
            speaking(library, name)
        assert caught.value.code == "workflow_unsupported"
