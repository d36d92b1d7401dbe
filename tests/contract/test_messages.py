"""Golden samples of every message: what was sent once is understood for ever.

A sample is never changed. When a message gets a new field, add a sample that has it beside the old one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from libs.contracts.errors import Malformed
from libs.contracts.facts import Fact, FactBody
from libs.contracts.messages import Control, DeadLetter, Progress, decode, encode
from libs.contracts.tasks import TASK_KINDS, Task, TaskBody

GOLDEN = Path(__file__).with_name("golden")
KINDS: dict[str, type[Any]] = {
    "task": Task,
    "fact": Fact,
    "control": Control,
    "progress": Progress,
    "dead": DeadLetter,
}
SAMPLES = sorted(GOLDEN.glob("*.json"))


def kind_of(sample: Path) -> type[Any]:
    """The message's type, from the first word of the file's name."""
    return KINDS[sample.name.split("-")[0]]


def within(small: Any, large: Any) -> bool:
    """True when everything that `small` says, `large` says too."""
    if isinstance(small, dict):
        return isinstance(large, dict) and all(name in large and within(small[name], large[name]) for name in small)
    if isinstance(small, list):
        return isinstance(large, list) and len(small) == len(large) and all(map(within, small, large))
    return bool(small == large)


def with_news(value: Any) -> Any:
    """The same with a field that nobody knows in every object."""
    if isinstance(value, dict):
        return {**{name: with_news(child) for name, child in value.items()}, "field_of_tomorrow": {"deep": [1]}}
    if isinstance(value, list):
        return [with_news(child) for child in value]
    return value


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_golden_sample_is_understood_wholly(sample: Path) -> None:
    data = sample.read_bytes()
    message = decode(data, kind_of(sample))
    assert within(json.loads(data), json.loads(encode(message)))
    assert decode(encode(message), kind_of(sample)) == message


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_unknown_fields_are_ignored(sample: Path) -> None:
    data = json.loads(sample.read_bytes())
    news = with_news(data)
    kind = kind_of(sample)
    assert decode(json.dumps(news).encode(), kind) == decode(json.dumps(data).encode(), kind)


def test_every_message_has_a_sample() -> None:
    tags = {
        json.loads(sample.read_bytes()).get("body", {}).get("type", sample.stem.split("-")[0]) for sample in SAMPLES
    }
    bodies = {body.__struct_config__.tag for body in (*get_args(TaskBody), *get_args(FactBody))}
    assert tags == bodies | {"control", "progress", "dead"}
    assert {body.__struct_config__.tag for body in get_args(TaskBody)} == set(TASK_KINDS)


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b"{}", b'{"job_id": 7}', b"\xff\xfe", b'{"job_id": "j", "run": "1"}'],
)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_what_is_no_message_is_malformed(data: bytes, kind: type[Any]) -> None:
    with pytest.raises(Malformed):
        decode(data, kind)
