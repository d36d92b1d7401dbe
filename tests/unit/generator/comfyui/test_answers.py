"""What real servers answered, read."""

from __future__ import annotations

from typing import Any

import pytest

from services.generator.comfyui import answers
from services.generator.comfyui.answers import OutputFile, PromptAccepted
from services.generator.comfyui.errors import InvalidGraph, MissingInput, MissingModel, MissingNode
from tests.unit.generator.comfyui.captures import captured, only_history

PROMPTS = captured("prompt_responses")


def refusal(case: str) -> tuple[InvalidGraph, ...]:
    """The errors of a captured POST /prompt, whether it said 400 or 200."""
    said = PROMPTS[case]
    order = said["request"].get("json")
    graph = order.get("prompt", {}) if isinstance(order, dict) else {}
    if said["status"] == 400:
        return answers.read_refusal(said["json"], graph)
    return answers.read_accepted(said["json"], graph).errors


@pytest.mark.parametrize(
    ("case", "node_id", "class_type", "input", "kind"),
    [
        ("missing_required_input", "4", "ImageBlend", "blend_mode", "required_input_missing"),
        ("value_not_in_list", "4", "ImageBlend", "blend_mode", "value_not_in_list"),
        ("value_bigger_than_max", "4", "ImageBlend", "blend_factor", "value_bigger_than_max"),
        ("value_smaller_than_min", "2", "EmptyImage", "width", "value_smaller_than_min"),
        ("invalid_type_int", "2", "EmptyImage", "width", "invalid_input_type"),
        ("bad_link_type", "4", "ImageBlend", "image1", "return_type_mismatch"),
        ("partial_ok_one_output_bad", "9", "SaveImage", "", "exception_during_validation"),
        ("cycle", "4", "ImageBlend", "", "dependency_cycle"),
    ],
)
def test_a_refusal_names_the_node_and_the_input(
    case: str, node_id: str, class_type: str, input: str, kind: str
) -> None:
    error = refusal(case)[0]
    assert type(error) is InvalidGraph
    assert (error.node_id, error.class_type, error.input, error.kind) == (node_id, class_type, input, kind)
    assert node_id in str(error)
    assert class_type in str(error)
    assert input in str(error)


def test_every_refused_prompt_that_was_captured_gives_an_error_and_every_taken_one_none() -> None:
    taken = {case for case, said in PROMPTS.items() if said["status"] == 200 and not said["json"]["node_errors"]}
    refused = {case for case, said in PROMPTS.items() if said["status"] in (200, 400)} - taken
    assert len(taken) > 5
    assert len(refused) > 15
    assert all(not refusal(case) for case in taken)
    assert all(refusal(case) for case in refused)


def test_a_missing_model_is_named_with_its_folder() -> None:
    (error,) = refusal("ckpt_missing")
    assert isinstance(error, MissingModel)
    assert (error.file, error.folder) == ("sd_xl_base_1.0.safetensors", "checkpoints")
    assert "models/checkpoints/sd_xl_base_1.0.safetensors" in str(error)


def test_a_missing_upload_is_told_from_a_bad_graph() -> None:
    (error,) = refusal("missing_input_file")
    assert isinstance(error, MissingInput)
    assert error.file == "nope.png"


@pytest.mark.parametrize("case", ["unknown_class", "no_class_type"])
def test_a_missing_class_is_named(case: str) -> None:
    (error,) = refusal(case)
    assert isinstance(error, MissingNode)
    assert error.node_id == "4"
    assert error.class_type == ("NoSuchNode" if case == "unknown_class" else "")


def test_an_old_server_names_the_missing_class_otherwise() -> None:
    said = captured("v0.3.64_responses")["unknown class"]
    (error,) = answers.read_refusal(said["json"], said["request"]["json"]["prompt"])
    assert isinstance(error, MissingNode)
    assert (error.node_id, error.class_type) == ("1", "Nope")


def test_what_the_server_lacks_comes_before_what_follows_from_it() -> None:
    body: dict[str, Any] = {
        "error": {"type": "prompt_outputs_failed_validation"},
        "node_errors": {
            "1": PROMPTS["value_smaller_than_min"]["json"]["node_errors"]["2"],
            **PROMPTS["ckpt_missing"]["json"]["node_errors"],
        },
    }
    first, second = answers.read_refusal(body, {})
    assert isinstance(first, MissingModel)
    assert type(second) is InvalidGraph


def test_a_taken_prompt_has_its_number() -> None:
    body = PROMPTS["front"]["json"]
    assert answers.read_accepted(body, {}) == PromptAccepted(prompt_id=body["prompt_id"], number=-32)


def test_the_queue_is_in_the_order_of_turns() -> None:
    body = captured("queue_ops")["queue_busy"]["json"]
    queue = answers.read_queue(body)
    numbers = {item[1]: item[0] for item in body["queue_pending"]}
    assert queue.running == ("340feef0-a56b-4b3e-9fa1-eb506e029f12",)
    assert [numbers[prompt_id] for prompt_id in queue.pending] == sorted(numbers.values())
    assert numbers[queue.pending[0]] == -43
    assert all(prompt_id in queue for prompt_id in (*queue.running, *queue.pending))
    assert "another" not in queue


def test_videos_stand_under_images_and_sounds_under_audio() -> None:
    prompt_id, body = only_history("history_video")
    entry = answers.read_history(body, prompt_id)
    assert entry is not None
    assert entry.status == "success"
    assert entry.files("20", (".mp4",)) == (OutputFile("clip_00001_.mp4", "mv", "output", "20"),)
    assert entry.files("22", (".mp4",)) == ()
    assert [file.filename for file in entry.files("25", (".flac",))] == ["aud_00001.flac"]
    assert len(entry.files("24", (".png",))) == 24
    assert entry.seconds == pytest.approx(1.343)
    assert entry.cached == {"1"}


def test_lists_of_any_name_are_read_and_previews_are_not() -> None:
    clip = {"filename": "a.mp4", "subfolder": "", "type": "output", "format": "video/h264-mp4", "frame_rate": 16.0}
    outputs = {
        "1": {"gifs": [clip], "text": ["some words"], "animated": [True]},
        "2": {"videos": [{"filename": "b.webm"}]},
        "3": {"images": [{"filename": "c.png", "type": "temp"}]},
    }
    entry = answers.read_history({"p": {"outputs": outputs, "status": {"status_str": "success"}}}, "p")
    assert entry is not None
    assert {node: files[0].filename for node, files in entry.outputs.items()} == {"1": "a.mp4", "2": "b.webm"}


def test_a_rerun_says_that_all_was_cached() -> None:
    prompt_id, body = only_history("history_image_cached")
    entry = answers.read_history(body, prompt_id)
    assert entry is not None
    assert entry.files("9", (".png",))
    assert "9" in entry.cached
    assert "10" not in entry.outputs  # a preview


def test_no_history_may_mean_anything() -> None:
    assert answers.read_history(captured("get_endpoints_idle")["history_unknown"]["json"], "p") is None


@pytest.mark.parametrize("name", ["error", "video", "interrupt_by_id"])
def test_a_job_tells_the_same_as_the_history(name: str) -> None:
    prompt_id, body = only_history(f"history_{name}")
    job = answers.read_job(captured(f"job_{name}"))
    assert job.entry == answers.read_history(body, prompt_id)


def test_a_job_that_goes_on_has_no_entry() -> None:
    running, pending = (captured("queue_ops")[name]["json"] for name in ("job_running", "job_pending"))
    assert (answers.read_job(running).status, answers.read_job(running).entry) == ("in_progress", None)
    assert (answers.read_job(pending).status, answers.read_job(pending).entry) == ("pending", None)


def test_stats() -> None:
    stats = answers.read_stats(captured("get_endpoints_idle")["system_stats"]["json"])
    assert (stats.version, stats.python, stats.torch) == ("0.33.0", "3.11.7", "2.13.0+cpu")
    assert [(device.type, device.vram_total) for device in stats.devices] == [("cpu", 25325268992)]


@pytest.mark.parametrize("body", [None, [], "text", {"queue_running": [[1]], "queue_pending": []}, {"devices": []}])
def test_what_no_server_says_is_a_value_error(body: object) -> None:
    for read in (answers.read_stats, answers.read_queue, answers.read_job):
        with pytest.raises(ValueError):
            read(body)
