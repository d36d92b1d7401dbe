"""A script as it was sent to the sentences that a voice speaks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from libs.contracts.analysis import Notice
from libs.contracts.errors import Permanent
from libs.contracts.scripts import MAX_SCRIPT_CHARS
from libs.script.clean import clean, is_text
from libs.script.languages import fits, language_of, tag_of
from libs.script.markup import LONGEST_PAUSE_S, Break, Piece, Unmarked, unmarked
from libs.script.parts import LONGEST_LETTERS
from libs.script.passages import passages
from libs.script.pauses import PARAGRAPH_PAUSE_S, SENTENCE_PAUSE_S, pause_after, speech_s
from libs.script.sentences import sentences_of
from libs.script.words import is_sayable, sayable

MOST_SENTENCES = 5000
"""The pauses between them alone are longer than any video."""
MOST_LINES = 20_000
"""That hold anything; no sentence needs as many as four."""
_FINAL = re.compile(r"\s*([.,;:!?…。！？]{1,8})(?=\s|$)")


@dataclass(frozen=True)
class Spoken:
    """A sentence to be spoken, as its captions show it."""

    text: str
    """On one line, in NFC, about 400 letters at most. There may be emoji in it: `words.sayable` is without."""
    paragraph: int
    """Counted from 0."""
    pause_s: float = 0.0
    """Asked for by the script after this sentence, besides the usual pause of `pauses`."""


@dataclass(frozen=True)
class Reading:
    """All that is spoken of a script, in order; at least one sentence."""

    sentences: tuple[Spoken, ...]
    language: str
    """ISO 639: as given, else guessed from the writing."""
    notices: tuple[Notice, ...] = ()


def read_script(text: str, language: str = "") -> Reading:
    """The sentences of a script: plain text, Markdown, HTML or SSML.

    language: ISO 639-1; empty: guessed from the writing. Raises Permanent: bad_script for what is no text or is too
    long, script_empty where nothing can be said, script_too_long for thousands of sentences.
    """
    if len(text) > MAX_SCRIPT_CHARS:
        raise Permanent("bad_script", f"The script has {len(text):,} characters; {MAX_SCRIPT_CHARS:,} are allowed.")
    if not is_text(text):
        raise Permanent("bad_script", "The script is no text: much of it are control characters.")
    script = unmarked(clean(text))
    bodies = [piece._replace(text=clean(piece.text)) for piece in script.pieces]
    lines = sum(len(piece.text.split("\n")) - piece.text.count("\n\n") for piece in bodies)
    if lines > MOST_LINES:
        raise Permanent("script_too_long", f"The script has more than {MOST_LINES:,} lines.")
    language = tag_of(language) or language_of("\n".join(piece.text for piece in bodies))
    found = _read(bodies, language, marked=script.whole)
    if not found:
        raise Permanent("script_empty")
    return Reading(_with_pauses(found), language, _notices(script))


def estimate_s(reading: Reading, speed: float = 1.0) -> float:
    """About how long the narration will last, in seconds. speed: 1 is the voice's own pace; pauses keep theirs."""
    spoken = sum(speech_s(one.text) for one in reading.sentences) / speed
    return spoken + sum(pause_after(reading.sentences, index) for index in range(len(reading.sentences)))


class _Sentence(NamedTuple):
    text: str
    paragraph: int
    pause_s: float
    """All that is asked for after it; 0: the usual pause."""


def _read(pieces: Iterable[Piece], language: str, *, marked: bool) -> list[_Sentence]:
    found: list[_Sentence] = []
    paragraph = 0
    begins = False
    for piece in pieces:
        text = _carried_back(found, " ".join(piece.text.split()) if marked else piece.text)
        begins = begins or _is_apart(text, first=True)
        for index, passage in enumerate(passages(text, marked=marked)):
            begins = begins or (passage.begins and index > 0)
            for said in _said(passage.text, language):
                paragraph += begins and bool(found)
                begins = False
                found.append(_Sentence(said, paragraph, 0.0))
                if len(found) > MOST_SENTENCES:
                    raise Permanent("script_too_long", f"The script has more than {MOST_SENTENCES:,} sentences.")
        if found and piece.pause_s:
            last = found[-1]
            found[-1] = last._replace(pause_s=min(last.pause_s + piece.pause_s, LONGEST_PAUSE_S))
        begins = begins or piece.after is Break.PARAGRAPH or _is_apart(text, first=False)
    return found


def _carried_back(found: list[_Sentence], text: str) -> str:
    """The text of a piece without marks that end the sentence before it, which get there."""
    mark = _FINAL.match(text)
    if mark is None or not found:
        return text
    found[-1] = found[-1]._replace(text=found[-1].text + mark[1])
    return text[mark.end() :]


def _is_apart(text: str, *, first: bool) -> bool:
    """Whether an empty line stands before, or after, the text of a piece."""
    bare = text.lstrip() if first else text.rstrip()
    edge = text[: len(text) - len(bare)] if first else text[len(bare) :]
    return edge.count("\n") > 1


def _said(text: str, language: str) -> Iterator[str]:
    """The sentences of a passage that can be said; marks and emoji that stand among them go with one of them."""
    last = ahead = ""
    for sentence in sentences_of(text, language if fits(language, text) else language_of(text)):
        words = sentence.split(" ")
        first = next((index for index, word in enumerate(words) if is_sayable(word)), len(words))
        if last and (first == len(words) or _are_emoji(words[:first])):
            last = _beside(last, " ".join(words[:first]))
            words = words[first:]
        elif first == len(words):
            ahead = _beside(ahead, sentence)
            continue
        if words:
            if last:
                yield last
            said = " ".join(words)
            fits_ahead = len(ahead) + len(said) < LONGEST_LETTERS
            last, ahead = f"{ahead} {said}".lstrip() if fits_ahead else said, ""
    if last:
        yield last


def _are_emoji(words: list[str]) -> bool:
    return not any(sayable(word) for word in words)


def _beside(text: str, marks: str) -> str:
    """Marks that nobody speaks, behind a text that has room for them."""
    return f"{text} {marks}".strip() if len(text) + len(marks) < LONGEST_LETTERS else text


def _with_pauses(found: list[_Sentence]) -> tuple[Spoken, ...]:
    """The sentences, with what is left of their pauses beside the usual ones."""
    usual = [PARAGRAPH_PAUSE_S if a.paragraph != b.paragraph else SENTENCE_PAUSE_S for a, b in pairwise(found)]
    return tuple(
        Spoken(one.text, one.paragraph, round(max(one.pause_s - pause, 0.0), 3))
        for one, pause in zip(found, [*usual, 0.0], strict=True)
    )


def _notices(script: Unmarked) -> tuple[Notice, ...]:
    if not script.unheard:
        return ()
    names = ", ".join(script.unheard[:8])
    message = f"These tags of the script are not followed, and their effect can't be heard: {names}."
    return (Notice(code="markup_removed", message=message),)
