"""How money, measures and abbreviations are said, language by language: only what espeak-ng says badly. Data."""

from __future__ import annotations

from typing import NamedTuple


class Currency(NamedTuple):
    """Names of a currency and of its hundredth."""

    one: str
    many: str
    cent: str = ""
    cents: str = ""


class Sayings(NamedTuple):
    """The words of a language for what is written without words. Empty: espeak-ng says it well."""

    decimal: str
    """Mark before the fraction of a number."""
    groups: str
    """Marks between thousands."""
    currencies: dict[str, Currency]
    scales: dict[str, str]
    """What stands after an amount of money, and is said before the currency."""
    of: str
    """Between the two."""
    of_vowel: str
    """The same before a vowel."""
    small_cents: str
    """An amount with fewer than ten cents."""
    cents: str
    """An amount with ten and more."""
    units: dict[str, tuple[str, str]]
    """Said after one, and after more."""
    to: str
    """Of ranges."""
    by: str
    """Of what is written 10 x 10."""
    number: str
    """Of #1."""
    hashtag: str
    dot: str
    """Of addresses; empty: espeak-ng says it."""
    ampersand: str
    abbreviations: dict[str, str]
    before_number: dict[str, str]
    """Abbreviations that are ones before a digit alone."""


_EN = Sayings(
    decimal=".",
    groups=",",
    currencies={
        "$": Currency("dollar", "dollars", "cent", "cents"),
        "€": Currency("euro", "euros", "cent", "cents"),
        "£": Currency("pound", "pounds", "penny", "pence"),
        "¥": Currency("yen", "yen"),
        "₹": Currency("rupee", "rupees"),
    },
    scales={
        **{name: name for name in ("thousand", "million", "billion", "trillion")},
        "k": "thousand",
        "K": "thousand",
        "m": "million",
        "M": "million",
        "bn": "billion",
        "B": "billion",
    },
    of=" ",
    of_vowel=" ",
    small_cents="{amount} and {cents} {cent}",
    cents="{amount} {cents}",
    units={
        "km/h": ("kilometer per hour", "kilometers per hour"),
        "km": ("kilometer", "kilometers"),
        "m": ("meter", "meters"),
        "cm": ("centimeter", "centimeters"),
        "mm": ("millimeter", "millimeters"),
        "m²": ("square meter", "square meters"),
        "km²": ("square kilometer", "square kilometers"),
        "ft": ("foot", "feet"),
        "mi": ("mile", "miles"),
        "mph": ("mile per hour", "miles per hour"),
        "kg": ("kilogram", "kilograms"),
        "g": ("gram", "grams"),
        "mg": ("milligram", "milligrams"),
        "lb": ("pound", "pounds"),
        "lbs": ("pound", "pounds"),
        "oz": ("ounce", "ounces"),
        "ml": ("milliliter", "milliliters"),
        "°C": ("degree Celsius", "degrees Celsius"),
        "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
        "kB": ("kilobyte", "kilobytes"),
        "KB": ("kilobyte", "kilobytes"),
        "MB": ("megabyte", "megabytes"),
        "GB": ("gigabyte", "gigabytes"),
        "TB": ("terabyte", "terabytes"),
        "Hz": ("hertz", "hertz"),
        "kHz": ("kilohertz", "kilohertz"),
        "MHz": ("megahertz", "megahertz"),
        "GHz": ("gigahertz", "gigahertz"),
        "kW": ("kilowatt", "kilowatts"),
        "kWh": ("kilowatt hour", "kilowatt hours"),
    },
    to="to",
    by="by",
    number="number",
    hashtag="hashtag",
    dot="",
    ampersand="",
    abbreviations={
        "vs.": "versus",
        "vs": "versus",
        "approx.": "approximately",
        "Ms.": "Miz",
        "Prof.": "Professor",
        "Gen.": "General",
        "Sen.": "Senator",
        "Gov.": "Governor",
        "Capt.": "Captain",
        "Lt.": "Lieutenant",
        "Sgt.": "Sergeant",
        "Rev.": "Reverend",
        "Jr.": "Junior",
    },
    before_number={
        "No.": "number",
        "no.": "number",
        "Nos.": "numbers",
        "Fig.": "figure",
        "fig.": "figure",
        "p.": "page",
        "pp.": "pages",
        "Vol.": "volume",
        "vol.": "volume",
        "est.": "established",
        "Jan.": "January",
        "Feb.": "February",
        "Aug.": "August",
        "Sept.": "September",
        "Sep.": "September",
        "Oct.": "October",
        "Nov.": "November",
        "Dec.": "December",
    },
)

_DE = Sayings(
    decimal=",",
    groups=".\u00a0",
    currencies={
        "$": Currency("Dollar", "Dollar", "Cent", "Cent"),
        "€": Currency("Euro", "Euro", "Cent", "Cent"),
        "£": Currency("Pfund", "Pfund", "Penny", "Pence"),
        "¥": Currency("Yen", "Yen"),
    },
    scales={
        **{name: name for name in ("Tausend", "Million", "Millionen", "Milliarde", "Milliarden")},
        "Tsd.": "tausend",
        "Mio.": "Millionen",
        "Mrd.": "Milliarden",
    },
    of=" ",
    of_vowel=" ",
    small_cents="{amount} {cents}",
    cents="{amount} {cents}",
    units={
        "km/h": ("Kilometer pro Stunde", "Kilometer pro Stunde"),
        "km": ("Kilometer", "Kilometer"),
        "m": ("Meter", "Meter"),
        "cm": ("Zentimeter", "Zentimeter"),
        "mm": ("Millimeter", "Millimeter"),
        "m²": ("Quadratmeter", "Quadratmeter"),
        "km²": ("Quadratkilometer", "Quadratkilometer"),
        "kg": ("Kilogramm", "Kilogramm"),
        "g": ("Gramm", "Gramm"),
        "mg": ("Milligramm", "Milligramm"),
        "l": ("Liter", "Liter"),
        "ml": ("Milliliter", "Milliliter"),
        "°C": ("Grad Celsius", "Grad Celsius"),
        "kW": ("Kilowatt", "Kilowatt"),
        "kWh": ("Kilowattstunde", "Kilowattstunden"),
    },
    to="bis",
    by="mal",
    number="",
    hashtag="Hashtag",
    dot="Punkt",
    ampersand="",
    abbreviations={
        "z. B.": "zum Beispiel",
        "z.B.": "zum Beispiel",
        "d. h.": "das heißt",
        "d.h.": "das heißt",
        "u. a.": "unter anderem",
        "u.a.": "unter anderem",
        "usw.": "und so weiter",
        "bzw.": "beziehungsweise",
        "ggf.": "gegebenenfalls",
        "evtl.": "eventuell",
        "inkl.": "inklusive",
        "Dr.": "Doktor",
        "Prof.": "Professor",
        "St.": "Sankt",
        "Mio.": "Millionen",
        "Mrd.": "Milliarden",
    },
    before_number={"Nr.": "Nummer", "ca.": "circa", "S.": "Seite", "Abb.": "Abbildung"},
)

_FR = Sayings(
    decimal=",",
    groups=". \u00a0\u202f",
    currencies={
        "$": Currency("dollar", "dollars", "cent", "cents"),
        "€": Currency("euro", "euros", "centime", "centimes"),
        "£": Currency("livre", "livres", "penny", "pence"),
        "¥": Currency("yen", "yens"),
    },
    scales={name: name for name in ("million", "millions", "milliard", "milliards")},
    of=" de ",
    of_vowel=" d'",
    small_cents="{amount} {cents}",
    cents="{amount} {cents}",
    units={
        "km/h": ("kilomètre heure", "kilomètres heure"),
        "m": ("mètre", "mètres"),
        "g": ("gramme", "grammes"),
        "l": ("litre", "litres"),
        "°C": ("degré", "degrés"),
    },
    to="à",
    by="sur",
    number="numéro",
    hashtag="hashtag",
    dot="point",
    ampersand="",
    abbreviations={
        "p. ex.": "par exemple",
        "c.-à-d.": "c'est-à-dire",
        "M.": "Monsieur",
        "MM.": "Messieurs",
        "env.": "environ",
    },
    before_number={"n°": "numéro", "N°": "numéro"},
)

_ES = Sayings(
    decimal=",",
    groups=".\u00a0",
    currencies={
        "$": Currency("dólar", "dólares", "centavo", "centavos"),
        "€": Currency("euro", "euros", "céntimo", "céntimos"),
        "£": Currency("libra", "libras", "penique", "peniques"),
        "¥": Currency("yen", "yenes"),
    },
    scales={name: name for name in ("millón", "millones")},
    of=" de ",
    of_vowel=" de ",
    small_cents="{amount} con {cents}",
    cents="{amount} con {cents}",
    units={
        "km/h": ("kilómetro por hora", "kilómetros por hora"),
        "km": ("kilómetro", "kilómetros"),
        "m": ("metro", "metros"),
        "cm": ("centímetro", "centímetros"),
        "mm": ("milímetro", "milímetros"),
        "kg": ("kilogramo", "kilogramos"),
        "g": ("gramo", "gramos"),
        "l": ("litro", "litros"),
        "°C": ("grado Celsius", "grados Celsius"),
    },
    to="a",
    by="por",
    number="número",
    hashtag="hashtag",
    dot="",
    ampersand="y",
    abbreviations={"p. ej.": "por ejemplo", "EE. UU.": "Estados Unidos", "vs.": "versus"},
    before_number={"n.º": "número", "núm.": "número", "pág.": "página"},
)

SAYINGS = {"en": _EN, "de": _DE, "fr": _FR, "es": _ES}
"""By ISO 639-1."""
