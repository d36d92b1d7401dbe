"""Every workflow of the repository, held against the node classes of a real server."""

from __future__ import annotations

from fractions import Fraction

import pytest

from libs.contracts.clips import CLIP_SECONDS, WITHOUT_PICTURE, begins_with_picture, clip_seconds
from services.generator.comfyui.binding import Values, bind, request_digest
from services.generator.comfyui.direction import BUILTIN, CLIP_TASKS, PREFERRED
from services.generator.comfyui.graph import link_of, links, model_files, places_of_seeds
from services.generator.comfyui.library import CANARY, SELFTEST, SHIPPED, load_library
from services.generator.comfyui.limits import fit_size
from services.generator.comfyui.pieces import cut_shot
from services.generator.comfyui.validate import flaws
from services.generator.comfyui.workflow import PARAMETERS, TASKS, Workflow
from tests.fakes.comfyui.catalogue import bare

LIBRARY = load_library()
NAMES = sorted(LIBRARY.workflows)


def values_for(workflow: Workflow, profile: str, *, everything: bool) -> Values:
    """Values for all that the workflow takes, or for what it can't do without."""
    limits = workflow.limits_of(profile)
    width, height = fit_size(limits, 1920, 1080)
    numbers = {
        "seed": 2**40 + 7,
        "width": width,
        "height": height,
        "frames": limits.round_up(10),
        "fps": limits.fps or 24,
        "seconds": 30.0,
        "strength": 0.5,
        "factor": 2,
    }
    given: dict[str, str | int | float] = {"seed": numbers["seed"]}
    for name in workflow.parameters if everything else workflow.needed:
        given[name] = numbers.get(name) or f"the {name}"
    return given


CASES = [
    (name, profile, everything)
    for name in NAMES
    for profile in LIBRARY.get(name).profiles
    for everything in (True, False)
]


@pytest.mark.parametrize(("name", "profile", "everything"), CASES)
def test_a_server_would_take_it(name: str, profile: str, everything: bool) -> None:
    workflow = LIBRARY.get(name)
    graph = bind(workflow, values_for(workflow, profile, everything=everything), prefix="b/1", profile=profile)

    found = [flaw for flaw in flaws(graph, bare()) if flaw.kind != "file"]
    assert found == []


@pytest.mark.parametrize(("name", "profile", "everything"), CASES)
def test_values_arrive_and_nothing_is_left_over(name: str, profile: str, everything: bool) -> None:
    workflow = LIBRARY.get(name)
    values = values_for(workflow, profile, everything=everything)
    graph = bind(workflow, values, prefix="b/attempt-1", profile=profile)

    for parameter, value in values.items():
        for target in workflow.parameters.get(parameter, ()):
            assert graph[target.node].inputs[target.input] == value, parameter
    assert {graph[place.node].inputs[place.input] for place in places_of_seeds(graph)} <= {values["seed"]}
    assert graph[workflow.output.node].inputs["filename_prefix"] == "b/attempt-1"
    reached, open_ = set(), [workflow.output.node]
    while open_:
        node = open_.pop()
        reached.add(node)
        open_ += [link.node for place, link in links(graph) if place.node == node]
    assert reached == set(graph), "nodes that do nothing"
    assert len({node.title for node in graph.values()}) == len(graph), "a title that says which node it is"


@pytest.mark.parametrize("name", NAMES)
def test_its_models_are_told(name: str) -> None:
    workflow = LIBRARY.get(name)
    loaded = set()
    for profile in workflow.profiles:
        files = set(model_files(workflow.graph_of(profile)).values())
        assert {model.file for model in workflow.models_of(profile)} == files
        loaded |= files
    assert {model.file for model in workflow.models} == loaded
    for model in workflow.models:
        assert model.url.startswith("https://")
        assert model.url.endswith(f"/{model.file}")


@pytest.mark.parametrize("name", [name for name in NAMES if LIBRARY.get(name).takes("frames")])
def test_its_limits_agree_with_its_nodes(name: str) -> None:
    workflow = LIBRARY.get(name)
    for profile in workflow.profiles:
        limits = workflow.limits_of(profile)
        assert limits.max_frames is not None
        assert limits.allows(limits.max_frames)
        assert limits.round_up(limits.min_frames) == limits.min_frames
    (first, *_) = workflow.parameters["frames"]
    assert limits.allows(int(str(workflow.graph[first.node].inputs[first.input])))


def test_the_planner_knows_how_long_clips_may_be() -> None:
    assert tuple(CLIP_SECONDS)[: len(PREFERRED)] == PREFERRED
    for name, seconds in CLIP_SECONDS.items():
        limits, fps = LIBRARY.get(name).limits, Fraction(30)
        assert len(cut_shot(limits, frames=int(30 * seconds) + 1, fps=fps).pieces) == 1
        assert len(cut_shot(limits, frames=int(30 * seconds) + 3, fps=fps).pieces) == 2
    assert clip_seconds("") == CLIP_SECONDS[PREFERRED[0]]
    assert clip_seconds(" ltx23-i2v , builtin") == CLIP_SECONDS["ltx23-i2v"]
    assert clip_seconds("builtin") == clip_seconds("my-own") == 0.0


def test_stills_are_asked_for_only_where_a_clip_could_begin_with_one() -> None:
    clips = [one for one in LIBRARY if one.task in CLIP_TASKS and one.output.media == "video"]
    assert {one.name for one in clips if not one.takes("image")} | {BUILTIN} == WITHOUT_PICTURE
    assert begins_with_picture("") and begins_with_picture("wan22-t2v,my-own") and begins_with_picture("wan22-5b")
    assert not begins_with_picture(" wan22-t2v , builtin,")


def test_every_purpose_is_served_but_speech_of_which_comfyui_has_no_node() -> None:
    assert {workflow.task for workflow in LIBRARY} == set(TASKS) - {"voice"}
    assert LIBRARY.get(CANARY).models == LIBRARY.get(SELFTEST).models == ()
    assert LIBRARY.get(CANARY).needed == frozenset()
    assert any(w.profiles[w.by_memory[-1]].vram_gb <= 8 for w in LIBRARY.of_task("animate"))
    assert not [path for path in SHIPPED.glob("*.toml") if not path.with_suffix(".json").is_file()]


@pytest.mark.parametrize("name", [name for name in NAMES if LIBRARY.get(name).continue_with])
def test_a_clip_can_be_continued(name: str) -> None:
    workflow = LIBRARY.get(name)
    after = LIBRARY.get(workflow.continue_with)
    assert after.takes("image")
    assert after.limits == workflow.limits
    for piece in cut_shot(after.limits, frames=900, fps=Fraction(30)).pieces:
        assert after.limits.allows(piece.frames)


@pytest.mark.parametrize("name", NAMES)
def test_a_request_is_known_again_by_all_that_counts(name: str) -> None:
    workflow = LIBRARY.get(name)
    values = values_for(workflow, workflow.by_memory[-1], everything=True)
    digests = [request_digest(workflow, values)]
    for parameter in workflow.parameters:
        kind = PARAMETERS[parameter]
        if kind in ("text", "file"):
            digests.append(request_digest(workflow, {**values, parameter: "another"}))
    if workflow.takes("seed"):
        digests.append(request_digest(workflow, {**values, "seed": 1}))
    digests += [
        request_digest(workflow, values, profile=profile)
        for profile in workflow.profiles
        if workflow.profiles[profile].set and profile != "full"
    ]
    assert len(set(digests)) == len(digests)
    assert request_digest(workflow, dict(reversed([*values.items()]))) == digests[0]


def test_no_link_leads_astray() -> None:
    for workflow in LIBRARY:
        for place, link in links(workflow.graph):
            assert link.node in workflow.graph, place
        for node in workflow.graph.values():
            for value in node.inputs.values():
                assert not isinstance(value, list) or link_of(value) is not None
