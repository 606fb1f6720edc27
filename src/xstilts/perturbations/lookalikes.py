"""Shapes that optical character recognition confuses, by script.

Small tables of our own, from what the scripts look like in print: letters that differ by a dot, a stroke,
an opening. Letters of one group are read as one another. Digits are read out of letters and never the other
way: a number that changes is another answer, not a noisy one.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache

from xstilts.perturbations.graphemes import Substitutions

_GROUPS = {
    "Latn": "ceo hb nu ft gq9 aoe vy ij Il1i O0QD S5 B8 Z2 UV uv CG EF PR KX",
    "Cyrl": "ин нп шщ се зэ ьъы лп гт дл мн бв ИН СО ШЩ ЗЭ ВБ ГТ",
    "Grek": "νυγ οσδ κχ ηπ θβ ΟΘ ΛΑ ΕΣ ΥΤ",
    "Armn": "սոռն գզ դղ ձճ եէ բր հի ՍՈՌ ԳՊ ՁՋ",
    "Geor": "გვკ ძმ წჭ ბხ რო ჟყ",
    "Arab": "بتثني پب جحخ چج دذ رز ژز سش صض طظ عغ فق هة ىي کگ ٹت ڈد ڑر ںن",
    "Hebr": "בכ דרך החת וזןי סם גנ עצ טמ",
    "Deva": "बव भम धघ पष यथ डङइ टठढद तन \u093f\u0940 \u0941\u0942 \u0947\u0948 \u094b\u094c \u0902\u0901",
    "Beng": "বর যষ নণ খথ তভ উঊ এঐ ওঔ \u09bf\u09c0 \u09c1\u09c2 \u09c7\u09c8",
    "Taml": "னண பய எஏ ஒஓ கச லவ \u0bbf\u0bc0 \u0bc1\u0bc2 \u0bc6\u0bc7 \u0bca\u0bcb",
    "Telu": "పఫవ దధ చఛ బఒ మవ డఢ ఎఏ ఒఓ రఠ \u0c3f\u0c40 \u0c41\u0c42 \u0c46\u0c47 \u0c4a\u0c4b",
    "Guru": "ਸਮ ਪਖਧ ਬਵ ਡੜ ਟਦ \u0a3f\u0a40 \u0a41\u0a42 \u0a47\u0a48 \u0a4b\u0a4c",
    "Gujr": "ઘધ પષય ડઙ દઢ તન મભ \u0abf\u0ac0 \u0ac1\u0ac2 \u0ac7\u0ac8 \u0acb\u0acc",
    "Orya": "ଡଢ ଚଛ ଦଧ ପଷ \u0b3f\u0b40 \u0b41\u0b42",
    "Knda": "ಪಫವ ದಧ ಬಭ ಚಛ ಎಏ ಒಓ ರಠ \u0cbf\u0cc0 \u0cc1\u0cc2 \u0cc6\u0cc7 \u0cca\u0ccb",
    "Mlym": "പവ നതറ സഡ ഗശ ഒഓ എഏ \u0d3f\u0d40 \u0d41\u0d42 \u0d46\u0d47 \u0d4a\u0d4b",
    "Sinh": "චව මඹ දඳ ඩඬ බඛ එඒ ඔඕ \u0dd2\u0dd3 \u0dd4\u0dd6 \u0dd9\u0dda",
    "Thai": "คดตศ กถภ ผพฝฟ บปษ ชซ รธ ฎฏ ลส มน ทฑห ณญ ไใโ \u0e34\u0e35\u0e36\u0e37 \u0e48\u0e49 \u0e38\u0e39",
    "Laoo": "ຄດຕ ບປ ຜຝຟພ ຍຢ ກຖ ຊຂ ຣຮ ໄໃ \u0eb4\u0eb5\u0eb6\u0eb7 \u0ec8\u0ec9 \u0eb8\u0eb9",
    "Khmr": "បឋ ធផ តគ លស \u17b7\u17b8\u17b9\u17ba \u17bb\u17bc \u17c1\u17c2",
    "Mymr": "ပဟယ ဒခ ဂငဝ တထ သဘ \u102d\u102e \u102f\u1030",
    "Ethi": "ሀሁሂ ለሉሊ መሙሚ ሰሱሲ በቡቢ ተቱቲ ነኑኒ አኡኢ ከኩኪ ወዐ የዩ ደዱዲ ገጉጊ ዘዙዚ",
    "Kore": "ㅏㅑ ㅓㅕ ㅗㅛ ㅜㅠ ㅐㅔ ㅐㅒ ㅔㅖ ㄱㅋ ㄷㅌ ㅈㅊ ㅇㅎ ㅁㅂ ㅂㅍ ㅅㅈ",
    "Jpan": (
        "はほ ぬめ ねれわ るろ きさ ちら つっ やゃ ゆゅ よょ こに いり くへ けは シツ ソンリ クタケ "
        "ワウフ ナメ スヌ チテ コユ アマ ヤャ ユュ ヨョ ツッ ばぱ びぴ ぶぷ べぺ ぼぽ バパ ビピ ブプ "
        "ベペ ボポ"
    ),
    "Hani": (
        "未末来 土士 日曰目 己已 人入 太犬 天夫无 由甲 王主玉 千干于 力刀 木本术 令今 各名 厉历 贝见 "
        "乌鸟 白自 问间 候侯 真直 待侍持 晴睛 清请情 幼幻 牛午 右石 免兔 拔拨 戌成 折拆 住往 弟第 传转 "
        "治冶 没设 话活 说悦 时对 这过 了子 他地 个介 们门 到倒 会合 国图园 年午 那哪 要耍 可司 也巴 "
        "学字 得待 着看 用月 夕多 心必 小少 开井 里理 云去 申中 找我 東車 門問間 閉閒 貝見 烏鳥 時峙 "
        "書晝畫 會曾 後從 說悅 學覺 們門 個固 這適 來求 為鳥 國圖 對封"
    ),
}
# Katakana read as an ideograph; not the reverse, which would put kana into Chinese.
_ONE_WAY = ("カ力", "ロ口", "ニ二", "タ夕", "エ工", "ハ八", "ト卜")
_WIDE = {"m": ("rn",), "w": ("vv",), "d": ("cl",), "ы": ("ьі",)}
_FINE_MARKS = (
    (0x00C0, 0x024F),
    (0x0370, 0x045F),
    (0x1E00, 0x1EFF),
)  # Latin, Greek and Cyrillic with diacritics

PAIRS = {"rn": "m", "vv": "w", "cl": "d", "ri": "n", "li": "h", "ii": "u"}
"""Two neighbouring letters that are read as one."""

SCRIPTS = frozenset({*_GROUPS, "Hans", "Hant"})
"""Scripts (ISO 15924) that have a table."""


@lru_cache(maxsize=1)
def confusions() -> Substitutions:
    """What each letter is read as; one table for all scripts, since their letters never collide.

    Example:
        >>> confusions().variants("m"), confusions().variants("é")
        (('rn',), ('e',))
    """
    table: dict[str, list[str]] = defaultdict(list)
    for source, target in (*_grouped(), *_one_way(), *_unmarked()):
        if not source.isdigit() and target not in table[source]:
            table[source].append(target)
    return Substitutions(table)


def _grouped() -> Iterator[tuple[str, str]]:
    for groups in _GROUPS.values():
        for group in groups.split():
            yield from ((source, target) for source in group for target in group if source != target)


def _one_way() -> Iterator[tuple[str, str]]:
    yield from ((pair[0], pair[1]) for pair in _ONE_WAY)
    yield from ((source, target) for source, targets in _WIDE.items() for target in targets)


def _unmarked() -> Iterator[tuple[str, str]]:
    """A precomposed letter is read without its last mark, or without any."""
    for first, last in _FINE_MARKS:
        for letter in map(chr, range(first, last + 1)):
            decomposed = unicodedata.normalize("NFD", letter)
            for kept in range(1, len(decomposed)):
                yield letter, unicodedata.normalize("NFC", decomposed[:kept])
