"""A script as it was sent to the sentences that a voice speaks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from libs.contracts.analysis import Notice
from libs.contracts.errors import Permanent
from libs.contracts.scripts import MAX_SCRIPT_CHARS
from libs.script.clean import clean, is_text
from libs.script.languages import fits, language_of, tag_of
from libs.script.markup import Break, Piece, Unmarked, unmarked
from libs.script.passages import Passage, passages
from libs.script.pauses import PARAGRAPH_PAUSE_S, SENTENCE_PAUSE_S, pause_after, speech_s
from libs.script.sentences import sentences_of
from libs.script.words import is_sayable


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
    long, script_empty where nothing can be said.
    """
    if len(text) > MAX_SCRIPT_CHARS:
        raise Permanent("bad_script", f"The script has {len(text):,} characters; {MAX_SCRIPT_CHARS:,} are allowed.")
    if not is_text(text):
        raise Permanent("bad_script", "The script is no text: much of it are control characters.")
    script = unmarked(clean(text))
    bodies = [piece._replace(text=clean(piece.text)) for piece in script.pieces]
    language = tag_of(language) or language_of("\n".join(piece.text for piece in bodies))
    sentences = tuple(_paused(_spoken(bodies, language, marked=script.whole)))
    if not sentences:
        raise Permanent("script_empty")
    return Reading(sentences, language, _notices(script))


def estimate_s(reading: Reading, speed: float = 1.0) -> float:
    """About how long the narration will last, in seconds. speed: 1 is the voice's own pace; pauses keep theirs."""
    spoken = sum(speech_s(one.text) for one in reading.sentences) / speed
    return spoken + sum(pause_after(reading.sentences, index) for index in range(len(reading.sentences)))


def _spoken(pieces: Iterable[Piece], language: str, *, marked: bool) -> Iterator[Spoken]:
    """The sentences, with the whole pauses that are asked for after them."""
    paragraph = 0
    begins = False
    last: Spoken | None = None
    for piece in pieces:
        parts = passages(piece.text, marked=marked)
        for index, passage in enumerate(parts):
            begins = begins or (passage.begins and index > 0) or (index == 0 and _is_apart(piece.text, first=True))
            for text in _said(passage, language):
                if last is not None:
                    yield last
                    paragraph += begins
                begins = False
                last = Spoken(text, paragraph)
        if last is not None and piece.pause_s:
            last = replace(last, pause_s=min(last.pause_s + piece.pause_s, 10.0))
        begins = begins or piece.after is Break.PARAGRAPH or _is_apart(piece.text, first=False)
    if last is not None:
        yield last


def _is_apart(text: str, *, first: bool) -> bool:
    """Whether an empty line stands before, or after, the text of a piece."""
    bare = text.lstrip() if first else text.rstrip()
    edge = text[: len(text) - len(bare)] if first else text[len(bare) :]
    return edge.count("\n") > 1


def _said(passage: Passage, language: str) -> list[str]:
    """The sentences of a passage that can be said; marks and emoji that stand among them go with one of them."""
    text = passage.text
    fitting = language if fits(language, text) else language_of(text)
    found: list[str] = []
    ahead = ""
    for sentence in sentences_of(text, fitting):
        if is_sayable(sentence):
            found.append(ahead + sentence)
            ahead = ""
        elif found:
            found[-1] += f" {sentence}"
        else:
            ahead += f"{sentence} "
    return found


def _paused(sentences: Iterable[Spoken]) -> Iterator[Spoken]:
    """The same with what is left of their pauses beside the usual one."""
    held = list(sentences)
    for index, one in enumerate(held):
        usual = 0.0
        if index + 1 < len(held):
            usual = SENTENCE_PAUSE_S if held[index + 1].paragraph == one.paragraph else PARAGRAPH_PAUSE_S
        yield replace(one, pause_s=round(max(one.pause_s - usual, 0.0), 3))


def _notices(script: Unmarked) -> tuple[Notice, ...]:
    if not script.unheard:
        return ()
    names = ", ".join(script.unheard[:8])
    message = f"These tags of the script are not followed, and their effect can't be heard: {names}."
    return (Notice(code="markup_removed", message=message),)
