"""Who shall make the clips, from the words of a command."""

from __future__ import annotations

from argparse import Namespace

import pytest

from libs.contracts.errors import Permanent
from services.standalone.backends import CHAIN, Backends, chosen_backends

URL = "http://gpu1:8188"


def chosen(*workflows: str, fill: bool = True, backend: str = "auto", urls: tuple[str, ...] = (URL,)) -> Backends:
    """From a command with these options and no settings."""
    options = Namespace(backend=backend, comfyui_url=[*urls], workflow=[*workflows], fill=fill)
    return chosen_backends(options, {})


def test_what_is_named_stands_before_drawing_here() -> None:
    assert chosen("wan22-5b, mine").environ[CHAIN] == "wan22-5b,mine,builtin"
    assert chosen("wan22-5b,builtin").chain == ("wan22-5b", "builtin")
    assert chosen("wan22-5b", fill=False).chain == ("wan22-5b",)
    assert chosen().chain == ()


def test_the_words_are_those_that_were_said() -> None:
    assert chosen("wan22-5b").words == (f"--comfyui-url={URL}", "--workflow=wan22-5b")


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(Permanent, match="--comfyui-url is for"):
        chosen(backend="builtin")
    with pytest.raises(Permanent, match="No ComfyUI server is named"):
        chosen(backend="comfyui", urls=())
