"""Which workflows are tried for stills and for clips."""

from __future__ import annotations

import pytest

from libs.contracts.errors import Permanent
from services.generator.comfyui.direction import by_part, chain_of, stills_of, suits
from services.generator.comfyui.library import load_library

LIBRARY = load_library()


def test_without_a_setting_stills_come_from_the_theme_picture_where_there_is_one() -> None:
    usual = stills_of(LIBRARY, [])
    assert [one.name for one in usual] == ["qwen-edit", "flux2-klein-edit", "z-image-turbo", "sdxl"]
    assert [one.name for one in usual if suits(one, picture=False)] == ["z-image-turbo", "sdxl"]


def test_a_setting_names_them_in_its_order() -> None:
    assert [one.name for one in stills_of(LIBRARY, ["sdxl", "flux2-klein"])] == ["sdxl", "flux2-klein"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("wan22-5b", "workflow_unsupported"),
        ("seedvr2", "workflow_unsupported"),
        ("builtin", "workflow_unknown"),
        ("no-such", "workflow_unknown"),
    ],
)
def test_what_makes_no_stills_is_refused(name: str, code: str) -> None:
    with pytest.raises(Permanent) as refused:
        stills_of(LIBRARY, [name])
    assert refused.value.code == code


def test_performances_make_clips_where_there_are_a_picture_and_a_song() -> None:
    (performance,) = chain_of(LIBRARY, ["wan22-s2v"])
    assert performance is not None
    assert suits(performance, picture=True)
    assert not suits(performance, picture=False)
    assert not suits(performance, picture=True, sound=False)
    with pytest.raises(Permanent):
        chain_of(LIBRARY, ["z-image-turbo"])


@pytest.mark.parametrize(
    ("names", "performs", "expected"),
    [
        (["wan22-5b", "wan22-s2v", "builtin"], True, ["wan22-s2v", "wan22-5b", "builtin"]),
        (["wan22-s2v", "wan22-5b", "builtin"], False, ["wan22-5b", "wan22-s2v", "builtin"]),
        (["wan22-s2v", "builtin"], False, ["wan22-s2v", "builtin"]),
        (["builtin", "wan22-s2v"], True, ["builtin", "wan22-s2v"]),
    ],
)
def test_what_sings_goes_first_where_somebody_performs(
    names: list[str], performs: bool, expected: list[str]
) -> None:
    chain = by_part(chain_of(LIBRARY, names), performs=performs)
    assert [one.name if one else "builtin" for one in chain] == expected
