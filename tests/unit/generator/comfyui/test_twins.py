"""Names of one server, and servers that only seem to be one."""

from __future__ import annotations

from services.generator.comfyui.twins import Twins


def told(*names: str, epoch: str = "e") -> Twins:
    twins = Twins()
    for name in names:
        twins.told(name, epoch)
    return twins


def test_the_same_mark_makes_them_one_and_none_does_not() -> None:
    twins = told("a", "b")
    twins.told("c", "other")
    assert twins.same("a", "b")
    assert not twins.same("a", "c")
    assert not told("a", "b", epoch="").same("a", "b")


def test_a_prompt_of_one_in_the_queue_of_the_other_proves_it() -> None:
    twins = told("a", "b", epoch="")
    assert not twins.looked("a", ["p"], {"p": "a"})
    assert twins.looked("b", ["p"], {"p": "a"})
    assert twins.same("a", "b")


def test_a_prompt_that_only_one_has_all_the_while_tells_them_apart() -> None:
    twins = told("a", "b")
    sent = {"p": "a"}
    assert not twins.looked("a", ["p"], sent)
    assert not twins.looked("b", [], sent)
    assert twins.same("a", "b"), "it may just have ended"
    assert twins.looked("a", ["p"], sent)
    assert not twins.same("a", "b")
    assert not twins.looked("b", [], sent)


def test_a_prompt_that_ends_in_between_tells_nothing() -> None:
    twins = told("a", "b")
    for _ in range(3):
        for name, queue in (("a", ["p"]), ("b", []), ("a", []), ("b", [])):
            assert not twins.looked(name, queue, {"p": "a"})
    assert twins.same("a", "b")


def test_who_is_started_anew_or_leaves_is_judged_anew() -> None:
    twins = told("a", "b", epoch="")
    twins.looked("b", ["p"], {"p": "a"})
    twins.told("a", "new")
    assert not twins.same("a", "b")
    twins.told("b", "new")
    assert twins.same("a", "b")
    twins.forget("b")
    assert not twins.same("a", "b")
