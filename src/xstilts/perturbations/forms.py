"""The same letters in another form: in full or half width, or as look-alikes with a code of their own."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from random import Random

from xstilts.perturbations.base import Edit, Perturbation, pick

# Each letter and its twin, either for the other.
_TWINS = """
aа cс eе iі jј oо pр sѕ xх yу hһ dԁ qԛ wԝ AА BВ CС EЕ HН IІ JЈ KК MМ OО PР SЅ TТ XХ YУ äӓ ëё ïї öӧ ÄӒ ËЁ ÏЇ ÖӦ
oο vν óό AΑ BΒ EΕ HΗ IΙ KΚ MΜ NΝ OΟ PΡ TΤ XΧ YΥ ZΖ
оο рρ АΑ ВΒ ЕΕ НΗ ІΙ КΚ МΜ ОΟ РΡ ТΤ ХΧ ГΓ ПΠ ФΦ
كک يی ىی
אℵ בℶ גℷ דℸ
అಅ ఆಆ ఇಇ ఒಒ జಜ ఞಞ ణಣ యಯ ఱಱ లಲ
へヘ べベ ぺペ
ຈจ ບบ ປป ຝฝ ພพ ຟฟ ຍย
""".split()  # noqa: SIM905

# Letters and what stands for them, never the reverse: Latin in Armenian, vowels drawn of a letter and a sign,
# Hiragana and ideographs among Katakana.
_ONE_WAY = {
    "օ": "o",
    "հ": "h",
    "ց": "g",
    "ո": "n",
    "ս": "u",
    "आ": "अा",
    "ओ": "अो",
    "औ": "अौ",
    "আ": "অা",
    "ਆ": "ਅਾ",
    "ਐ": "ਅੈ",
    "ਔ": "ਅੌ",
    "આ": "અા",
    "ઓ": "અો",
    "ઔ": "અૌ",
    "ഈ": "ഇൗ",
    "ഐ": "എെ",
    "แ": "เเ",
    "カ": "力",
    "ロ": "口",
    "ニ": "二",
    "タ": "夕",
    "エ": "工",
    "ト": "卜",
    "ハ": "八",
}
_RADICALS = range(0x2F00, 0x2FD6)  # Kangxi radicals, which stand for ideographs in text copied from PDF files

_ASCII, _FULL = range(0x21, 0x7F), 0xFEE0  # full-width forms repeat ASCII, so far away
_HALF_KATAKANA = range(0xFF61, 0xFFA0)


@lru_cache(maxsize=1)
def twins() -> Mapping[str, tuple[str, ...]]:
    """What each letter is replaced by that looks the same; one table for all scripts.

    Example:
        >>> twins()["р"], twins()["आ"], twins()["人"]
        (('p', 'ρ'), ('अा',), ('⼈',))
    """
    table: dict[str, list[str]] = defaultdict(list)
    for pair in _TWINS:
        table[pair[0]].append(pair[1])
        table[pair[1]].append(pair[0])
    for letter, other in _ONE_WAY.items():
        table[letter].append(other)
    for radical in map(chr, _RADICALS):
        table[unicodedata.normalize("NFKC", radical)].append(radical)
    return {letter: tuple(dict.fromkeys(found)) for letter, found in table.items()}


def homoglyphs(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Letters replaced by others that look the same; those that carry marks of their own stay as they are."""
    table = twins()
    for i, here in enumerate(clusters):
        options = table.get(here)
        if options and rng.random() < rate:
            yield i, (pick(options, rng),)


def width(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """Runs of Latin letters, digits, Katakana or marks in the other width: Ａ for A, ｱ for ア, `,` for `，`."""
    for kind, run in groupby(range(len(clusters)), key=lambda i: _width_kind(clusters[i])):
        if not kind or rng.random() >= rate:
            continue
        start, *rest = run
        yield start, tuple(other_width(clusters[i]) for i in (start, *rest))


@lru_cache(maxsize=2**14)
def other_width(cluster: str) -> str:
    """A character in full width for half width, and in half width for full width; empty where it has no other.

    Example:
        >>> [other_width(cluster) for cluster in ("A", "％", "ガ", "ｶﾞ", "。", "漢")]
        ['Ａ', '%', 'ｶﾞ', 'ガ', '｡', '']
    """
    narrow = _narrow_katakana().get(cluster)
    if narrow:
        return narrow
    if len(cluster) == 1 and ord(cluster) in _ASCII:
        return chr(ord(cluster) + _FULL)
    if len(cluster) == 1 and ord(cluster) - _FULL in _ASCII:
        return chr(ord(cluster) - _FULL)
    if ord(cluster[0]) in _HALF_KATAKANA:
        return unicodedata.normalize("NFKC", cluster)
    return ""


@lru_cache(maxsize=1)
def _narrow_katakana() -> Mapping[str, str]:
    """Katakana and its marks in half width; voiced letters are two characters there."""
    table = {}
    for narrow in map(chr, _HALF_KATAKANA):
        for mark in ("", "ﾞ", "ﾟ"):
            wide = unicodedata.normalize("NFKC", narrow + mark)
            if len(wide) == 1 and unicodedata.category(wide) != "Mn":
                table[wide] = narrow + mark
    return table


def _width_kind(cluster: str) -> str:
    """What a character with another width is, so that a run of one kind changes together; empty for others."""
    if not other_width(cluster):
        return ""
    first = unicodedata.normalize("NFKC", cluster)[0]
    return "katakana" if first > "\u3000" and first.isalpha() else "latin" if first.isalnum() else "mark"


FORMS = (
    Perturbation(
        name="homoglyphs",
        summary="letters replaced by look-alikes of another script or code",
        fn=homoglyphs,
        rates=(0.05, 0.1, 0.2, 0.4, 0.8),
        unit="letters that have a twin",
        source="pairs of Unicode UTS #39 (confusables) and what keyboards of neighbours type; after Boucher et al. "
        "2022, Bad Characters (IEEE S&P, arXiv:2106.09898); shares ours",
        scripts=frozenset(
            {"Latn", "Cyrl", "Grek", "Armn", "Arab", "Hebr", "Deva", "Beng", "Guru", "Gujr", "Telu"}
            | {"Knda", "Mlym", "Thai", "Laoo", "Jpan", "Hans", "Hant"}
        ),
    ),
    Perturbation(
        name="width",
        summary="Latin letters, digits, Katakana and marks in the other width, full or half",
        fn=width,
        rates=(0.2, 0.4, 0.6, 0.8, 1.0),
        unit="runs of characters that have another width",
        source="the full-width and half-width forms of the Unicode Standard (UAX #11); shares ours",
        scripts=frozenset({"Hans", "Hant", "Jpan"}),
    ),
)
