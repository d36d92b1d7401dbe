"""What words are about, as far as looks can show it. Pure.

A theme is told by words in a few languages; where writing has no spaces, by signs. All other words say nothing
here: the seed alone chooses then.
"""

from __future__ import annotations

from functools import cache

_THEMES: tuple[tuple[str, str, str], ...] = (
    (
        "waves ink ribbons",
        """
        sea seas ocean water wave waves river rain rainy lake ship ships boat boats sail sailor swim fish
        tide island coast harbour harbor shore beach flood meer wasser fluss regen schiff welle insel mer
        océan eau rivière pluie bateau mar océano agua río lluvia barco море вода река дождь
        """,
        "海水河雨船",
    ),
    (
        "hills ridgelines",
        """
        mountain mountains hill hills valley forest forests tree trees field fields country countries
        village road roads path walk walked walking travel journey land lands earth farm farmer horizon soil
        desert nature berg berge wald baum weg reise erde montagne forêt arbre route chemin voyage terre
        montaña bosque árbol camino viaje tierra гора лес дорога земля
        """,
        "山森路林地",
    ),
    (
        "aurora orbits",
        """
        night nights star stars moon sky skies space planet planets universe winter snow ice cold north
        dream dreams dreamed sleep dark darkness world satellite nacht stern sterne mond himmel traum welt
        nuit étoile lune ciel hiver rêve monde noche estrella luna cielo invierno sueño mundo ночь звезда
        небо мир
        """,
        "夜星空月夢雪",
    ),
    (
        "petals papercut",
        """
        flower flowers garden grow grows growing grew spring seed seeds plant plants bloom leaf leaves heart
        love loved life lives live child children born birth beauty beautiful mother family friend friends
        bee bees food health blume garten leben liebe kind kinder herz familie freund fleur jardin vie amour
        enfant cœur famille ami flor jardín vida amor niño corazón familia amigo жизнь любовь цветок сердце
        """,
        "花愛心春生",
    ),
    (
        "burst blobs silk",
        """
        fire light lights sun sunlight bright hot heat summer explode energy power powerful idea ideas hope
        joy happy warm gold golden fever shine blood red colour color colours colors feuer licht sonne
        sommer kraft idee hoffnung feu lumière soleil été énergie idée espoir fuego luz sol verano energía
        esperanza свет огонь солнце
        """,
        "火光日夏赤",
    ),
    (
        "tiles raster",
        """
        city cities town build builds building buildings built house houses home code computer computers
        data number numbers machine machines system systems money market price work works worker workers
        business company companies network digital plan plans puzzle percent million millions billion
        technology science software people stadt haus zahl arbeit geld ville maison travail argent nombre
        ciudad casa trabajo dinero número город дом работа деньги
        """,
        "市家数金人",
    ),
    (
        "orbits rings",
        """
        time times year years century centuries history begin begins began end ends ended always again clock
        hour hours minute minutes day days every wheel circle cycle first last future past ancient old zeit
        jahr jahre geschichte tag anfang ende temps année siècle histoire jour tiempo año siglo historia día
        время год история
        """,
        "時年歴昔",
    ),
    (
        "tunnel ridgelines ribbons",
        """
        fast faster speed run runs running race drive driving fly flying train trains car cars motion
        through suddenly go goes went move moves moving moved jump forward signal electric schnell zug auto
        bewegung vite vitesse voiture rápido velocidad tren coche быстро поезд
        """,
        "速走車電",
    ),
    (
        "ribbons raster rings",
        """
        music song songs sound sounds voice voices sing dance listen hear heard speak say said tell told
        language noise radio musik lied stimme musique chanson voix música canción voz музыка песня голос
        """,
        "音声歌",
    ),
    (
        "ink silk aurora",
        """
        think thinks thought mind memory memories remember forget feel feels felt secret mystery question
        questions why wonder soul fear alone silence quiet quietly perhaps unknown brain denken gedanke
        seele angst stille penser esprit mémoire âme peur pensar mente memoria alma silencio miedo мысль
        душа память
        """,
        "思想魂静",
    ),
    (
        "papercut tiles",
        """
        paper book books read reading reads write writes wrote written letter letters draw drawing paint art
        page pages learn learns school story stories word words teacher map buch lesen schreiben schule
        livre lire écrire école libro leer escribir escuela книга читать школа
        """,
        "紙本文学",
    ),
)
"""Looks, the words that they can show, and the signs."""


@cache
def _known() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    words: dict[str, frozenset[str]] = {}
    signs: dict[str, frozenset[str]] = {}
    for looks, told, drawn in _THEMES:
        for word in told.split():
            words[word] = words.get(word, frozenset()) | frozenset(looks.split())
        for sign in drawn:
            signs[sign] = signs.get(sign, frozenset()) | frozenset(looks.split())
    return words, signs


def told_looks(text: str) -> dict[str, int]:
    """How many words of a text each look could show."""
    words, signs = _known()
    counts: dict[str, int] = {}
    bare = "".join(char if char.isalpha() else " " for char in text.casefold()).split()
    for looks in [*(words.get(word, ()) for word in bare), *(signs.get(char, ()) for char in text)]:
        for look in looks:
            counts[look] = counts.get(look, 0) + 1
    return counts
