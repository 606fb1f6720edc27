"""Neighbouring keys, by layout; for Chinese, which is typed by sound, characters of one sound.

A layout is up to four rows of keys from the digit row down, right-aligned (three rows: no digit row), each
beginning at its leftmost letter key; a space is a key that types no single letter. Layouts are the national
standards as operating systems ship them (Kedmanee for Thai, InScript for Indic scripts, two-set for
Hangul), compared with those of xkeyboard-config 2.35; for Urdu, Georgian and Sinhala the phonetic ones, which are
more in use.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from xstilts.perturbations.base import script
from xstilts.perturbations.graphemes import Substitutions, upper
from xstilts.perturbations.homophones import homophones

_STAGGER = (0.0, 0.5, 0.75, 1.25)  # where the rows begin, in key widths
_REACH = 1.0  # keys whose centres are nearer than this in the next row, or next to each other in one row

_QWERTY = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_QWERTZ = ("qwertzuiop", "asdfghjkl", "yxcvbnm")
_AZERTY = (" é    è ç à", "azertyuiop", "qsdfghjklmù", "wxcvbn")
_CROATIAN = ("qwertzuiopšđ", "asdfghjklčćž", "yxcvbnm")
_SWEDISH = ("qwertyuiopå", "asdfghjklöä", "zxcvbnm")

_BY_SCRIPT: tuple[tuple[str, ...], ...] = (
    _QWERTY,
    ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"),
    (" ςερτυθιοπ", "ασδφγηξκλ", "ζχψωβνμ"),
    ("ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤر ىةوزظ"),
    ("ֆձ" + " " * 7 + "օէղ", "ճփբսմուկըթծց", "ջվգեանիտհպր", "ժդչյզլքխշռ"),
    ("  קראטוןםפ", "שדגכעיחלךף", "זסבהנמצתץ"),
    ("ქწერტყუიოპ", "ასდფგჰჯკლ", "ზხცვბნმ"),
    ("ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ"),
    ("ๅ  ภถ\u0e38\u0e36คตจขช", "ๆไำพะ\u0e31\u0e35รนยบล", "ฟหกดเ\u0e49\u0e48าสวง", "ผปแอ\u0e34\u0e37ทมใฝ"),
    (
        "ຢຟໂຖ\u0eb8\u0eb9ຄຕຈຂຊ",
        "\u0ebbໄຳພະ\u0eb4\u0eb5ຣນຍບລ",
        "\u0eb1ຫກດເ\u0ec9\u0ec8າສວງໜ",
        "ຜປແອ\u0eb6\u0eb7ທມໃຝ",
    ),
    ("ဆတနမအပကငသစဟဩ", "\u1031\u103b\u102d\u103a\u102b\u1037\u103c\u102f\u1030\u1038", "ဖထခလဘညာ"),
    ("ឆ\u17b9\u17c1រតយ\u17bb\u17b7\u17c4ផ\u17c0ឪ", "\u17b6សដថងហ\u17d2កល\u17be\u17cb", "ឋខចវបនម"),
    ("ඍඇඑරතයඋඉඔප", "අසදෆගහජකල", "ඤඳචවබනම"),
    ("     \u0e39", "  ฎฑธ\u0e4d\u0e4aณฯญฐ", "ฤฆฏโฌ\u0e47\u0e4bษศซ", "  ฉฮ \u0e4c ฒฬฦ"),
)
_DEVANAGARI = (
    ("\u094c\u0948\u093e\u0940\u0942बहगदजड", "\u094b\u0947\u094d\u093f\u0941परकतचट", " \u0902मनवलस"),
    ("औऐआईऊभङघधझढञ", "ओएअइउफ खथछठ", " \u0901ण  ळशष"),
)
# The Indic blocks of Unicode repeat ISCII's order, and InScript is one arrangement for all of them:
# Bengali, Gurmukhi, Gujarati, Oriya, Tamil, Telugu, Kannada, Malayalam are Devanagari, moved.
_INDIC_OFFSETS = (0, 0x80, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400)

_BY_LANGUAGE: Mapping[str, tuple[str, ...]] = {
    "de": (" " * 10 + "ß", "qwertzuiopü", "asdfghjklöä", "yxcvbnm"),
    "fr": _AZERTY,
    "hu": (" " * 9 + "öüó", "qwertzuiopőú", "asdfghjkléáű", "yxcvbnm"),
    "cs": (" ěščřžýáíé", "qwertzuiopú", "asdfghjklů", "yxcvbnm"),
    "sk": (" ľščťžýáíé", "qwertzuiopúäň", "asdfghjklô", "yxcvbnm"),
    "sq": ("qwertzuiopç", "asdfghjklë", "yxcvbnm"),
    "lb": _QWERTZ,
    "hr": _CROATIAN,
    "sl": _CROATIAN,
    "bs": _CROATIAN,
    "sr-Latn": _CROATIAN,
    "sv": _SWEDISH,
    "fi": _SWEDISH,
    "da": ("qwertyuiopå", "asdfghjklæø", "zxcvbnm"),
    "nb": ("qwertyuiopå", "asdfghjkløæ", "zxcvbnm"),
    "no": ("qwertyuiopå", "asdfghjkløæ", "zxcvbnm"),
    "et": ("qwertyuiopüõ", "asdfghjklöä", "zxcvbnm"),
    "es": ("qwertyuiop", "asdfghjklñ", "zxcvbnm"),
    "pt": ("qwertyuiop", "asdfghjklç", "zxcvbnm"),
    "it": ("qwertyuiopè", "asdfghjklòàù", "zxcvbnm"),
    "ro": ("qwertyuiopăîâ", "asdfghjklșț", "zxcvbnm"),
    "lt": ("ąčęėįšųū   ž", "qwertyuiop", "asdfghjkl", "zxcvbnm"),
    "is": (" " * 10 + "ö", "qwertyuiopð", "asdfghjklæ", "zxcvbnm  þ"),
    "tr": ("qwertyuıopğü", "asdfghjklşi", "zxcvbnmöç"),
    "az": ("qüertyuiopöğ", "asdfghjklıə", "zxcvbnmçş"),
    "uk": ("йцукенгшщзхї", "фівапролджє", "ячсмитьбю"),
    "be": ("йцукенгшўзх", "фывапролджэ", "ячсмітьбю"),
    "bg": (" уеишщксдзц", "ьяаожгтнвмч", "юйъэфхпрлб"),
    "sr": ("љњертзуиопшђ", "асдфгхјклчћж", "ѕџцвбнм"),
    "mk": ("љњертѕуиопшѓ", "асдфгхјклчќж", "зџцвбнм"),
    "kk": (" әіңғ  үұқөһ", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"),
    "ky": (" " * 10 + "өң", "йцукенгшщзхъ", "фывапролджэү", "ячсмитьбю"),
    "tt": ("йөукенгшәзхү", "фывапролдңэ", "ячсмитҗбю"),
    "tg": (" " * 10 + "ғӯ", "йқукенгшҳзхъ", "фҷвапролджэ", "ячсмитӣбю"),
    "mn": (" " * 10 + "ещ", "фцужэнгшүзкъ", "йыбөахролдп", "ячёсмитьвю"),
    "fa": ("ضصثقفغعهخحجچ", "شسیبلاتنمکگ", "ظطزرذدپو"),
    "ur": ("قوعرتےئیہپ", "اسدفگحجکل", "زشچطبنم"),
}

# Japanese is typed on phones by flicking: the kana of one key differ by direction only.
_KANA_KEYS = (
    "あいうえお かきくけこ さしすせそ たちつてと なにぬねの はひふへほ まみむめも やゆよ らりるれろ わをん "
    "がぎぐげご ざじずぜぞ だぢづでど ばびぶべぼ ぱぴぷぺぽ ゃゅょ"
)
_KATAKANA = 0x60  # distance from the hiragana block


@lru_cache(maxsize=256)
def neighbours(language: str) -> Substitutions:
    """What each letter becomes when a finger lands on the next key, in the layout of a language (BCP-47).

    Chinese characters become others of the same sound.

    Example:
        >>> neighbours("en").variants("y")
        ('t', 'u', 'g', 'h')
        >>> neighbours("de").variants("Y")
        ('A', 'S', 'X')
    """
    table: dict[str, tuple[str, ...]] = {**_shared(), **_flicks()}
    base = language.partition("-")[0]
    own = _BY_LANGUAGE.get(language) or _BY_LANGUAGE.get(base)
    table |= _adjacent(own) if own else {}
    table |= homophones(traditional=script(language) == "Hant") if base == "zh" else {}
    return Substitutions(table | dict(_capitals(table, language)))


@lru_cache(maxsize=1)
def _shared() -> dict[str, tuple[str, ...]]:
    """The usual layout of every script: their letters never collide, so one table serves mixed text too."""
    indic = [tuple(_moved(row, by) for row in layer) for by in _INDIC_OFFSETS for layer in _DEVANAGARI]
    return {key: near for layout in (*_BY_SCRIPT, *indic) for key, near in _adjacent(layout).items()}


def _moved(row: str, by: int) -> str:
    moved = (" " if key == " " else chr(ord(key) + by) for key in row)
    return "".join(key if unicodedata.category(key)[0] in "LM" else " " for key in moved)


def _adjacent(layout: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Letters of neighbouring keys; marks are mistaken for marks and letters for letters only."""
    keys = list(_positions(layout))
    found: dict[str, list[str]] = defaultdict(list)
    for key, row, x in keys:
        for other, other_row, other_x in keys:
            near = abs(x - other_x) <= _REACH if row == other_row else abs(x - other_x) < _REACH
            alike = unicodedata.category(key)[0] == unicodedata.category(other)[0]
            if other != key and abs(row - other_row) <= 1 and near and alike:
                found[key].append(other)
    return {key: tuple(near) for key, near in found.items()}


def _positions(layout: tuple[str, ...]) -> Iterator[tuple[str, int, float]]:
    first = len(_STAGGER) - len(layout)
    for row, keys in enumerate(layout, start=first):
        yield from ((key, row, _STAGGER[row] + column) for column, key in enumerate(keys) if key != " ")


def _flicks() -> dict[str, tuple[str, ...]]:
    hiragana = _KANA_KEYS.split()
    katakana = ["".join(chr(ord(kana) + _KATAKANA) for kana in key) for key in hiragana]
    return {kana: tuple(key.replace(kana, "")) for key in (*hiragana, *katakana) for kana in key}


def _capitals(table: Mapping[str, Iterable[str]], language: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key, near in table.items():
        capital = upper(key, language)
        if capital != key and len(capital) == 1:
            yield capital, tuple(upper(other, language) for other in near if len(upper(other, language)) == 1)
