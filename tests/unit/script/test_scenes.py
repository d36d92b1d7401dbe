"""Sentences to scenes: lengths, paragraphs, and how little a change moves."""

import random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.script.scenes import FLASH_S, LONGEST_S, SHORTEST_S, scenes_of

LENGTHS = st.lists(st.floats(0.05, 30), max_size=80)


@pytest.mark.parametrize(
    ("lengths", "paragraphs", "scenes"),
    [
        ([], [], []),
        ([0.4], [0], [(0, 1)]),
        ([4, 5, 6], [0, 0, 0], [(0, 1), (1, 2), (2, 3)]),
        ([2, 2, 5], [0, 0, 0], [(0, 2), (2, 3)]),
        ([2, 2], [0, 1], [(0, 1), (1, 2)]),
        ([1, 1, 5], [0, 1, 2], [(0, 3)]),
        ([4, 1], [0, 1], [(0, 2)]),
        ([9, 1, 1, 9], [0, 0, 0, 0], [(0, 1), (1, 3), (3, 4)]),
        ([7.5, 1, 7.5], [0, 0, 0], [(0, 2), (2, 3)]),
        ([3.5, 3.2, 2.5, 6], [0, 0, 0, 0], [(0, 1), (1, 3), (3, 4)]),
        ([20], [0], [(0, 1)]),
    ],
)
def test_scenes(lengths: list[float], paragraphs: list[int], scenes: list[tuple[int, int]]) -> None:
    assert scenes_of(lengths, paragraphs) == scenes


def test_a_short_scene_takes_a_sentence_from_a_rich_neighbour() -> None:
    assert scenes_of([2.4, 2.4, 3.1, 2.5], [0] * 4) == [(0, 2), (2, 4)]


@given(LENGTHS, st.randoms(use_true_random=False))
def test_scenes_hold_all_sentences_and_keep_paragraphs(lengths: list[float], chance: random.Random) -> None:
    paragraphs = [0] * len(lengths)
    for index in range(1, len(lengths)):
        paragraphs[index] = paragraphs[index - 1] + (chance.random() < 0.3)
    found = scenes_of(lengths, paragraphs)
    assert [index for start, end in found for index in range(start, end)] == list(range(len(lengths)))
    lasting = dict.fromkeys(paragraphs, 0.0)
    for length, number in zip(lengths, paragraphs, strict=True):
        lasting[number] += length
    for start, end in found:
        shared = set(paragraphs[start:end])
        assert len(shared) == 1 or min(lasting[number] for number in shared) < FLASH_S


@given(LENGTHS)
def test_lengths_are_as_asked_where_that_is_possible(lengths: list[float]) -> None:
    found = scenes_of(lengths, [0] * len(lengths))
    lasting = [sum(lengths[start:end]) for start, end in found]
    for index, (start, end) in enumerate(found):
        if lasting[index] > LONGEST_S and end - start > 1:
            assert min(lengths[start:end]) < FLASH_S or lasting[index] <= LONGEST_S
        around = lasting[max(index - 1, 0) : index] + lasting[index + 1 : index + 2]
        if lasting[index] < SHORTEST_S and around:
            assert lasting[index] + min(around) > LONGEST_S and lasting[index] >= FLASH_S


@given(LENGTHS, st.integers(0, 79), st.floats(0.05, 30))
def test_a_change_stays_in_its_paragraph(lengths: list[float], where: int, length: float) -> None:
    lengths = [3.0, *lengths, 3.0]
    changed = list(lengths)
    changed[min(where, len(lengths) - 1)] = length
    before, after = [2.0, 2.5, 1.2, 4.0, 0.9], [1.6, 2.0, 6.0, 2.9]
    paragraphs = [0] * len(before) + [1] * len(lengths) + [2] * len(after)
    found = scenes_of([*before, *lengths, *after], paragraphs)
    again = scenes_of([*before, *changed, *after], paragraphs)
    inside = range(len(before), len(before) + len(lengths))
    assert [scene for scene in found if scene[0] not in inside] == [
        scene for scene in again if scene[0] not in inside
    ]


@pytest.mark.parametrize(("shortest", "longest"), [(0.6, 2.5), (0.6, 6.0), (1.0, 12.0)])
def test_a_changed_sentence_moves_few_scenes(shortest: float, longest: float) -> None:
    chance = random.Random(6)
    moved = []
    for _ in range(300):
        lengths = [chance.uniform(shortest, longest) for _ in range(120)]
        changed = list(lengths)
        changed[chance.randrange(120)] = chance.uniform(shortest, longest)
        before, after = scenes_of(lengths, [0] * 120), scenes_of(changed, [0] * 120)
        moved.append(len(set(after) - set(before)))
    assert mean(moved) <= 1.5 and max(moved) <= 10
    assert sorted(moved)[len(moved) * 95 // 100] <= 4


def test_a_sentence_that_is_a_little_longer_moves_nothing() -> None:
    chance = random.Random(7)
    lengths = [chance.uniform(0.6, 5.0) for _ in range(200)]
    same = 0
    for index in range(200):
        changed = [*lengths[:index], lengths[index] + 0.04, *lengths[index + 1 :]]
        same += scenes_of(changed, [0] * 200) == scenes_of(lengths, [0] * 200)
    assert same >= 180


def test_five_hundred_short_lines() -> None:
    chance = random.Random(8)
    lengths = [chance.uniform(0.7, 1.4) for _ in range(500)]
    for paragraphs in ([0] * 500, list(range(500))):
        found = scenes_of(lengths, paragraphs)
        lasting = [sum(lengths[start:end]) for start, end in found]
        assert all(SHORTEST_S <= length <= LONGEST_S for length in lasting)
