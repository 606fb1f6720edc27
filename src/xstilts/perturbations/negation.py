"""Negated claims: what a sentence says becomes what it denies, in languages with a written rule.

A rule lists finite verbs and what each is with its negation. It takes a sentence only where the verb is surely that of
the main clause and its negation that of the whole: one such verb, close to the beginning, behind a short subject that
is no indefinite one; no mark before the end; no negation, quantifier, conjunction or adverb beside which `not` would
deny something else. Every other sentence stays as it is, with its label. What is denied follows from logic: a claim
that a premise entails is contradicted by it when denied, one that it contradicts is entailed, and one that it leaves
open stays open.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import final

from xstilts.perturbations.base import Edit, Span
from xstilts.perturbations.graphemes import lower, upper
from xstilts.perturbations.units import word_spans

_FAR = 3  # words before the verb where the subject begins with one of the rule's openers
_WITHIN = frozenset("'’-")
_FAR_LETTERS = 5  # letters before the verb in Chinese


@final
@dataclass(frozen=True)
class _Rule:
    """What negates a sentence of one language, in lower case.

    `verbs`: verb → the verb negated. `openers` begin a subject of several words. Sentences with one of `blocked`, or
    that begin with one of `indefinite`, stay; `near` is how many words at most stand before the verb without opener.
    """

    verbs: Mapping[str, str]
    blocked: frozenset[str]
    openers: frozenset[str] = frozenset()
    indefinite: frozenset[str] = frozenset()
    first: int = 1
    near: int = 1


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _negated(pattern: str, verbs: str) -> dict[str, str]:
    return {verb: pattern.format(verb) for verb in verbs.split()}


_ENGLISH = _Rule(
    verbs=_negated("{} not", "is are was were could will would") | {"can": "cannot"},
    openers=_words("the this that these those my your his her its our their"),
    indefinite=_words(
        "a an one two three four five six seven eight nine ten there here people men women children what "
        "who how where when why which if it's other another such half part"
    ),
    blocked=_words(
        "not no none nobody nothing nowhere never neither nor without cannot all every each everyone "
        "everybody everything any anyone anybody anything anywhere some someone somebody something both "
        "either many most much more less few several lot lots only just even also too always often "
        "usually sometimes already still yet again ever almost nearly hardly barely rarely and or but if "
        "because although though unless until while when whenever who whom whose which what where why how "
        "than so probably possibly certainly definitely perhaps maybe clearly obviously likely surely "
        "simply mostly mainly likely better must should may might have has had"
    ),
)

_SPANISH = _Rule(
    verbs=_negated(
        "no {}",
        "es son era eran está están estaba estaban fue fueron será serán puede pueden podía podían podría "
        "va van iba iban tiene tienen tenía tenían ha han había quiere quieren quería sabe saben sabía",
    ),
    openers=_words(
        "el la los las este esta estos estas ese esa esos esas mi mis su sus nuestro nuestra tu tus"
    ),
    indefinite=_words(
        "un una unos unas uno dos tres cuatro cinco seis qué quién cómo dónde cuándo aquí ahí allí"
    ),
    blocked=_words(
        "no ni nadie nada ningún ninguna ninguno nunca jamás tampoco sin todo toda todos todas cada "
        "cualquier cualquiera algún alguna alguno algunos algunas alguien algo ambos ambas mucho mucha "
        "muchos muchas pocos pocas poco varios varias más menos mayoría solo sólo solamente incluso "
        "también siempre menudo veces ya todavía aún casi apenas y e o u pero sino si porque aunque "
        "cuando mientras que quien quienes cual cuyo donde como probablemente posiblemente ciertamente "
        "quizás quizá seguramente me te se lo le les nos os haber hay habrá debe deben"
    ),
    first=0,
)

_FRENCH = _Rule(
    verbs=_negated("n'{} pas", "est était étaient allait")
    | _negated(
        "ne {} pas", "sont sera seront serait seraient peut peuvent pouvait pouvaient va vont veut veulent"
    )
    | _negated("ne {} pas", "voulait sait savent savait")
    | {"c'est": "ce n'est pas", "c'était": "ce n'était pas"},
    openers=_words(
        "le la les ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs"
    ),
    indefinite=_words(
        "un une des du deux trois quatre cinq qui que quoi où quand comment pourquoi quel quelle"
    ),
    blocked=_words(
        "ne pas plus rien personne jamais aucun aucune nul ni sans tout toute tous toutes chaque chacun "
        "chacune quelque quelques quelqu'un certains certaines plusieurs beaucoup peu moins plupart deux "
        "seulement seul seule même aussi toujours souvent parfois déjà encore presque et ou mais donc si "
        "car parce quoique quand lorsque pendant que qui dont où comme y en se lui me te nous vous "
        "probablement certainement sûrement peut-être doit doivent"
    ),
)

_RUSSIAN = _Rule(
    verbs=_negated(
        "не {}",
        "может могут мог могла могло могли хочет хотят хотел хотела хотели знает знают знал знала знали "
        "любит любят любил любила любили был была было были будет будут умеет умеют понимает понимают "
        "помнит помнят верит верят",
    ),
    openers=_words(
        "мой моя моё мое мои твой твоя твоё твое твои наш наша наше наши ваш ваша ваше ваши его её ее их "
        "этот эта эти"
    ),
    indefinite=_words("один одна одно два две три что кто где когда как почему там здесь"),
    blocked=_words(
        "не ни нет никто ничего ничто никогда нигде никакой без все всё всех всем каждый каждая каждое "
        "любой любая любое некоторые кто-то что-то кое-что какой-то многие много мало несколько "
        "большинство оба обе больше меньше только лишь даже тоже также всегда часто обычно иногда уже ещё "
        "еще почти едва и или но а да же ли если хотя потому что чтобы когда пока который которая которое "
        "которые которого которых кто где куда как вероятно возможно наверное конечно должен должна "
        "должны очень бы достаточно как-то сколько столько столь"
    ),
)

_VIETNAMESE = _Rule(
    verbs={"là": "không phải là", "thích": "không thích", "biết": "không biết", "muốn": "không muốn"},
    indefinite=_words("một hai ba bốn năm có ai gì đâu sao nếu khi những các mọi mỗi nhiều vài"),
    blocked=_words(
        "không chưa chẳng chả đừng mọi tất cả mỗi nhiều ít vài số chỉ cũng đều còn luôn vẫn đã sẽ và hoặc "
        "nhưng nếu vì khi mà rằng ai gì nào đâu sao rất gọi coi xem nghĩa tức hay hơn nhất nói nghĩ tin "
        "có được bị phải thể cho"
    ),
    near=2,
)

_CHINESE = _Rule(
    verbs=_negated("不{}", "是 会 能 喜欢 知道 可以 需要 相信"),
    blocked=_words(
        "不 没 無 无 未 别 非 勿 莫 每 都 全 所有 一切 任何 有些 某 几 许多 很多 大多 多数 少数 部分 只 "
        "仅 就 也 还 又 再 更 最 很 太 真 十分 已 仍 总 常 经常 有时 几乎 而 但 或 和 与 及 如果 因 虽 当 "
        "谁 什么 哪 怎 为何 吗 呢 说 认为 觉得 想 听 告诉 可能 也许 大概 一定 肯定 应该 必须 但是 可是 "
        "于是 正是 像是 若是 要是 之 把 被 比 让 使 则 即 凡 两 三 一个 一些 一位 人们 至少 似乎 偶尔 "
        "董事会 社会 会议 机会 协会 委员会 大会 教会 会计 会员 会见 会谈 会面 宴会 聚会 晚会 工会 国会 "
        "议会 商会 学会 音乐会 能力 能源 可能 功能 智能 能量 性能 才能 技能 能否 会否 是否"
    ),
)

RULES: Mapping[str, _Rule] = {
    "en": _ENGLISH,
    "es": _SPANISH,
    "fr": _FRENCH,
    "ru": _RUSSIAN,
    "vi": _VIETNAMESE,
    "zh": _CHINESE,
}
"""The languages that have a rule."""

ANSWERS = (("entailment", "contradiction"), ("neutral", "neutral"), ("contradiction", "entailment"))
"""What becomes of the label when the claim is denied."""


def negation(clusters: Sequence[str], language: str, rate: float, rng: Random) -> Iterator[Edit]:
    """The verb of the sentence negated, where the rule of the language takes the sentence."""
    base = language.partition("-")[0]
    if base in RULES and rng.random() < rate:
        found = _in_letters(clusters, RULES[base]) if base == "zh" else _in_words(clusters, base)
        if found:
            (start, stop), new = found
            yield start, (new, *[""] * (stop - start - 1))


def _in_words(clusters: Sequence[str], language: str) -> tuple[Span, str] | None:
    """The verb that is negated and what stands for it then, in a language with spaces."""
    rule, spans = RULES[language], list(word_spans(clusters, language))
    words = [lower("".join(clusters[start:stop]), language).replace("’", "'") for start, stop in spans]
    places = [place for place, word in enumerate(words) if word in rule.verbs]
    if len(places) != 1 or not _is_plain(clusters, spans[-1][1]):
        return None
    if words[0] in rule.indefinite or any(_stands_against(word, rule) for word in words):
        return None
    (place,) = places
    elided = words[0].startswith("l'")  # article and noun
    opened = elided or words[0] in rule.openers
    first = 0 if "'" in words[place] else 2 if opened and not elided else rule.first
    if not first <= place <= (_FAR if opened else max(rule.near, first)):
        return None
    (start, stop), new = spans[place], rule.verbs[words[place]]
    capital = clusters[start] != lower(clusters[start], language)
    return (start, stop), upper(new[0], language) + new[1:] if capital else new


def _stands_against(word: str, rule: _Rule) -> bool:
    return word in rule.blocked or word.endswith("n't") or word.startswith(("n'", "d'", "qu'"))


def _in_letters(clusters: Sequence[str], rule: _Rule) -> tuple[Span, str] | None:
    """The same in Chinese: a verb that occurs once behind a short subject, in a sentence that does not end in 的."""
    text = "".join(clusters)
    if len(text) != len(clusters) or not _is_plain(clusters, _last_letter(clusters)):
        return None
    found = [(text.index(verb), verb) for verb in rule.verbs if text.count(verb) == 1]
    if len(found) != 1 or sum(map(text.count, rule.verbs)) != 1:
        return None
    ((start, verb),) = found
    stop = start + len(verb)
    if (
        not 1 <= start <= _FAR_LETTERS
        or text.rstrip("。.！! ").endswith("的")
        or text[stop : stop + 1] in {"否", ""}
    ):
        return None
    return None if any(word in text for word in rule.blocked) else ((start, stop), rule.verbs[verb])


def _last_letter(clusters: Sequence[str]) -> int:
    return max((i + 1 for i, cluster in enumerate(clusters) if cluster[0].isalpha()), default=0)


def _is_plain(clusters: Sequence[str], end: int) -> bool:
    """Whether no mark stands before the end of the last word, save within words, and only a full stop after it."""
    inner = (cluster for cluster in clusters[:end] if unicodedata.category(cluster[0])[0] == "P")
    return all(cluster in _WITHIN for cluster in inner) and "".join(clusters[end:]).strip() in {
        "",
        ".",
        "。",
        "!",
        "！",
    }
