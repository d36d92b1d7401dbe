"""Written forms as people say them: `$12.50` as twelve dollars fifty. Pure; what is said how: spoken_tables.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from services.generator.voice.spoken_tables import SAYINGS, Sayings

_GAP = "[ \u00a0\u202f]"
_NOT_IN_A_NUMBER = r"(?<![\w.,:/])"
_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


class SpokenForm(NamedTuple):
    """A text as it is said, and for each of its characters the index of the written one that it says."""

    text: str
    origins: tuple[int, ...]


def spoken_form(text: str, language: str) -> SpokenForm:
    """A text with what espeak-ng would say badly in words. language: ISO 639-1; others than ours are left alone.

    Each written word that is replaced keeps at least one spoken word, where there are enough.
    """
    said: list[str] = []
    origins: list[int] = []
    at = 0
    for start, end, spoken in _replaced(text, language):
        said.append(text[at:start])
        origins += range(at, start)
        written = [*re.finditer(r"\S+", text[start:end])]
        pieces = re.findall(r"\s*\S+(?:\s+$)?", spoken)
        for piece, word in zip(pieces, _shared(pieces, [word[0] for word in written]), strict=True):
            said.append(piece)
            origins += [start + written[word].start()] * len(piece)
        at = end
    said.append(text[at:])
    origins += range(at, len(text))
    return SpokenForm("".join(said), tuple(origins))


def _shared(spoken: Sequence[str], written: Sequence[str]) -> list[int]:
    """For each spoken word the written one that it says: figures go with figures, and each gets one if it can."""
    last = len(written) - 1
    figures, numbers = _to_last_figure(written), _to_last_figure(spoken)
    if not 0 < figures <= min(last, numbers):
        return [min(index, last) for index, _ in enumerate(spoken)]
    numbers = min(numbers, len(spoken) - 1)
    return [
        min(index, figures - 1) if index < numbers else min(figures + index - numbers, last)
        for index, _ in enumerate(spoken)
    ]


def _to_last_figure(words: Sequence[str]) -> int:
    """How many words there are up to the last one with a digit in it."""
    return max((index for index, word in enumerate(words, 1) if any(char.isdigit() for char in word)), default=0)


def _replaced(text: str, language: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and spoken words; from left to right, none within another."""
    found = [
        (match.start(), rank, match.end(), say(match))
        for rank, (pattern, say) in enumerate(_rules(language))
        for match in pattern.finditer(text)
    ]
    done = 0
    for start, _, end, spoken in sorted(found):
        if start >= done and spoken != text[start:end]:
            yield start, end, spoken
            done = end


@cache
def _rules(language: str) -> tuple[_Rule, ...]:
    """Of those that match at the same place the first one counts."""
    sayings = SAYINGS.get(language)
    if sayings is None:
        return ()
    return (*_addresses(sayings), *_money(sayings), *_times(language), *_numbers(sayings), *_abbreviated(sayings))


def _addresses(sayings: Sayings) -> Iterator[_Rule]:
    """The host of a link, without what people leave out; and mail."""
    host = r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
    dot = f" {sayings.dot} " if sayings.dot else "."
    yield (
        re.compile(rf"(?<![\w.@/])(?:https?://(?:www\.)?|www\.)({host})(?::\d+)?(?:[/?#][^\s<>\"”»]*[\w/=])?"),
        lambda match: match[1].replace(".", dot),
    )
    yield (
        re.compile(rf"(?<![\w.+-])[\w.+-]{{1,64}}@{host}"),
        lambda match: match[0].replace(".", dot),
    )


def _money(sayings: Sayings) -> Iterator[_Rule]:
    sign = rf"(?:\b[A-Z]{{1,3}})?(?P<sign>[{''.join(sayings.currencies)}])"
    whole = rf"\d{{1,3}}(?:[{sayings.groups}]\d{{3}})+(?!\d)|\d+"
    amount = rf"(?P<whole>{whole})(?:[.,](?P<cents>\d\d)(?!\d)|(?P<rest>[{sayings.decimal}]\d+))?"
    upper = rf"(?:[-–—](?P=sign)?(?P<upper>(?:{whole})(?:[.,]\d+)?))?"
    scale = rf"(?:{_GAP}?(?P<scale>{_any(sayings.scales)})(?!\w))?"

    def say(match: re.Match[str]) -> str:
        return _amount(sayings, match.groupdict())

    yield re.compile(rf"(?<![\w$€£¥₹]){sign}{_GAP}?{amount}{upper}{scale}(?![\d])"), say
    yield re.compile(rf"{_NOT_IN_A_NUMBER}{amount}{scale}{_GAP}?{sign}(?![\w$€£¥₹])"), say


def _amount(sayings: Sayings, found: dict[str, str | None]) -> str:
    currency = sayings.currencies[found["sign"] or ""]
    whole, cents, upper, scale = (found.get(name) or "" for name in ("whole", "cents", "upper", "scale"))
    if upper or scale or (cents and not currency.cent):
        fraction = f"{sayings.decimal}{cents}" if cents else found["rest"] or ""
        number = f"{whole}{fraction}" + (f" {sayings.to} {upper}" if upper else "")
        if not scale:
            return f"{number} {currency.many}"
        of = sayings.of_vowel if currency.many[0] in "aeiou" else sayings.of
        return f"{number} {sayings.scales[scale]}{of}{currency.many}"
    said = f"{whole}{found['rest'] or ''} {currency.one if whole == '1' and not found['rest'] else currency.many}"
    number_of_cents = int(cents or 0)
    if not number_of_cents:
        return said
    cent = currency.cent if number_of_cents == 1 else currency.cents
    if not int(re.sub(r"\D", "", whole)):
        return f"{number_of_cents} {cent}"
    form = sayings.small_cents if number_of_cents < 10 else sayings.cents
    return form.format(amount=said, cents=number_of_cents, cent=cent)


def _times(language: str) -> Iterator[_Rule]:
    clock = rf"{_NOT_IN_A_NUMBER}(\d{{1,2}}):([0-5]\d)(?![\d:]|[-–.]\d)"
    if language == "de":
        yield (
            re.compile(rf"{clock}(?:{_GAP}Uhr\b)?"),
            lambda match: f"{match[1]} Uhr {int(match[2])}" if int(match[2]) else f"{match[1]} Uhr",
        )
    elif language == "en":
        yield re.compile(rf"{clock}(?={_GAP}?[aApP]\.?[mM]\b)"), lambda match: _english(match, " ")
        yield re.compile(clock), lambda match: _english(match, " o'clock")


def _english(match: re.Match[str], full: str) -> str:
    hour, minute = int(match[1]), int(match[2])
    if minute == 0:
        return f"{hour}{full}".rstrip() if 1 <= hour <= 12 else f"{hour} hundred"
    return f"{hour} oh {minute}" if minute < 10 else match[0]


def _numbers(sayings: Sayings) -> Iterator[_Rule]:
    """Ranges, measures, what is counted out."""
    number = rf"\d{{1,3}}(?:[{sayings.groups}]\d{{3}})+(?!\d)|\d+(?:[.,]\d+)?"
    unit = rf"(?P<unit>{_any(sayings.units)})(?![\w/²³])"
    span = rf"(?P<from>{number})(?:[-–—](?P<upto>{number}))?"

    def measure(match: re.Match[str]) -> str:
        if match["unit"] == "m" and not (match["gap"] or match["hyphen"]):
            return match[0]  # as likely ten million
        one, many = sayings.units[match["unit"]]
        name = one if match["hyphen"] or (match["from"] == "1" and not match["upto"]) else many
        upto = f" {sayings.to} {match['upto']}" if match["upto"] else ""
        return f"{match['from']}{upto} {name}"

    yield re.compile(rf"{_NOT_IN_A_NUMBER}{span}(?:(?P<gap>{_GAP})|(?P<hyphen>-))?{unit}"), measure
    ends = r"(?![\w/]|[-–—.,:]\d)"
    end = r"(\d{1,4}(?::[0-5]\d)?)"
    yield (
        re.compile(rf"{_NOT_IN_A_NUMBER}(?<![-–—+]){end}[-–—]{end}{ends}"),
        lambda match: _range(match[1], match[2], sayings.to),
    )
    yield (
        re.compile(rf"{_NOT_IN_A_NUMBER}({number})(?:{_GAP}[x×](?={_GAP}\d)|[x×](?=\d))"),
        lambda match: f"{match[1]} {sayings.by}{'' if match[0][-2].isspace() else ' '}",
    )
    if sayings.number:
        yield re.compile(r"(?<![\w#&])#(?=\d+\b)"), lambda _: f"{sayings.number} "
    yield re.compile(r"(?<![\w#&])#(?=[^\W\d])"), lambda _: f"{sayings.hashtag} "
    if sayings.ampersand:
        yield re.compile(r"(?<=\s)&(?=\s)"), lambda _: sayings.ampersand


def _range(start: str, end: str, to: str) -> str:
    if len(start) == 3 and len(end) == 4:  # a telephone's
        return f"{' '.join(start)}, {' '.join(end)}"
    return f"{start} {end}" if start == end else f"{start} {to} {end}"


def _abbreviated(sayings: Sayings) -> Iterator[_Rule]:
    def full(match: re.Match[str]) -> str:
        return sayings.abbreviations[match[1]] + ("." if match["end"] is not None else "")

    at_end = r"(?P<end>(?=[\"'”’»“)\]]*$))?"
    yield re.compile(rf"(?<![\w.-])(?<![A-Z]\. )({_any(sayings.abbreviations)})(?!\w){at_end}"), full
    yield (
        re.compile(rf"(?<![\w.-])({_any(sayings.before_number)})(?={_GAP}?\d)"),
        lambda match: sayings.before_number[match[1]],
    )


def _any(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
