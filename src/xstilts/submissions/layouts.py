"""XTREME's and XTREME-R's submissions, declared: files, languages, metrics, groups. All else here reads this table.

Source: README and `evaluate.py` of github.com/google-research/xtreme, commit 838c13b. Languages are the codes of the
published file names; English counts like any other language. The test files (`inputs`) are those that the published
download script leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from xstilts.errors import UnknownName
from xstilts.submissions.base import FileFormat
from xstilts.submissions.lines import Choices, Indices, Labels, Pairs, Tags
from xstilts.submissions.objects import Answers, Rankings


@dataclass(frozen=True)
class TaskFiles:
    """One task of a suite: `name/test-{language}.{suffix}`, a file a language.

    The task's score is the mean of its `metrics`, each the mean over the languages; under the fixed rules that of
    `fixed`, where there are any, with `beside` shown next to it. `inputs`: the test files, below the download folder.
    """

    name: str
    group: str
    format: FileFormat
    languages: tuple[str, ...]
    metrics: tuple[str, ...]
    inputs: str = ""
    fixed: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def file(self, language: str) -> str:
        """The file of one language, below the folder of predictions or labels.

        Example:
            >>> get_suite("xtreme").task("xquad").file("de")
            'xquad/test-de.json'
        """
        return f"{self.name}/test-{language}.{self.format.suffix}"


@dataclass(frozen=True)
class Suite:
    """A benchmark's tasks; `note` is what to know of its overall score."""

    name: str
    title: str
    tasks: tuple[TaskFiles, ...]
    note: str = ""

    @property
    def groups(self) -> dict[str, list[TaskFiles]]:
        """The tasks by group."""
        groups: dict[str, list[TaskFiles]] = {}
        for task in self.tasks:
            groups.setdefault(task.group, []).append(task)
        return groups

    def task(self, name: str) -> TaskFiles:
        """The task of this name, with or without the suite before it.

        Raises:
            UnknownName: there is none.
        """
        found = {task.name: task for task in self.tasks}
        short = name.removeprefix(f"{self.name}/")
        if short not in found:
            raise UnknownName(f"task of {self.name}", name, found)
        return found[short]


def get_suite(name: str) -> Suite:
    """The suite of this name.

    Raises:
        UnknownName: there is none.
    """
    if name not in SUBMISSIONS:
        raise UnknownName("suite", name, SUBMISSIONS)
    return SUBMISSIONS[name]


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_NLI = ("contradiction", "entailment", "neutral")
_ENTITIES = ("B-LOC", "B-ORG", "B-PER", "I-LOC", "I-ORG", "I-PER", "O")
_UPOS = _codes("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X _")

_XNLI = _codes("ar bg de el en es fr hi ru sw th tr ur vi zh")
_PAWSX = _codes("de en es fr ja ko zh")
_UDPOS = _codes(
    "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh"
)
_PANX = _codes(
    "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur "
    "vi yo zh"
)
_TATOEBA = _codes(
    "af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr nl pt ru sw ta te th tl tr ur vi zh"
)
_XQUAD = _codes("ar de el en es hi ru th tr vi zh")

_SQUAD_METRICS, _MLQA_METRICS, _FIXED_QA = (
    ("squad_f1", "squad_em"),
    ("mlqa_f1", "mlqa_em"),
    ("qa_f1", "qa_em"),
)
_MLQA_TEST = "mlqa/MLQA_V1/test/test-context-{language}-question-{language}.json"
_TYDIQA_TEST = "tydiqa/tydiqa-goldp-v1.1-dev/tydiqa.goldp.{language}.dev.json"


def _xnli() -> TaskFiles:
    return TaskFiles("xnli", "classification", Labels(_NLI), _XNLI, ("accuracy",), "xnli/test-{language}.tsv")


def _udpos(more: str = "") -> TaskFiles:
    return TaskFiles(
        "udpos",
        "tagging",
        Tags(_UPOS),
        (*_UDPOS, *_codes(more)),
        ("chunk_f1",),
        "udpos/test-{language}.tsv",
        fixed=("token_accuracy",),
        beside=("chunk_f1",),
    )


def _panx(more: str = "") -> TaskFiles:
    languages = (*_PANX, *_codes(more))
    return TaskFiles(
        "panx", "tagging", Tags(_ENTITIES), languages, ("entity_f1",), "panx/test-{language}.tsv"
    )


def _qa(name: str, languages: tuple[str, ...], metrics: tuple[str, ...], inputs: str) -> TaskFiles:
    return TaskFiles(name, "qa", Answers(), languages, metrics, inputs, fixed=_FIXED_QA)


def _all_qa(more: str = "") -> tuple[TaskFiles, ...]:
    return (
        _qa("xquad", (*_XQUAD, *_codes(more)), _SQUAD_METRICS, "xquad/xquad.{language}.json"),
        _qa("mlqa", _codes("ar de en es hi vi zh"), _MLQA_METRICS, _MLQA_TEST),
        _qa("tydiqa", _codes("ar bn en fi id ko ru sw te"), _SQUAD_METRICS, _TYDIQA_TEST),
    )


def _tatoeba(more: str = "") -> TaskFiles:
    languages = (*_TATOEBA, *_codes(more))
    return TaskFiles("tatoeba", "retrieval", Indices(), languages, ("accuracy",), "tatoeba/{language}-en.en")


XTREME = Suite(
    "xtreme",
    "XTREME",
    (
        _xnli(),
        TaskFiles(
            "pawsx",
            "classification",
            Labels(("0", "1")),
            _PAWSX,
            ("accuracy",),
            "pawsx/test-{language}.tsv",
        ),
        _udpos(),
        _panx(),
        *_all_qa(),
        TaskFiles(
            "bucc2018",
            "retrieval",
            Pairs(),
            _codes("de fr ru zh"),
            ("bucc_f1",),
            "bucc2018/{language}-en.test.{language}",
        ),
        _tatoeba(),
    ),
)

XTREME_R = Suite(
    "xtreme-r",
    "XTREME-R",
    (
        _xnli(),
        TaskFiles(
            "xcopa",
            "classification",
            Choices(2),
            _codes("et ht id it qu sw ta th tr vi zh"),
            ("accuracy",),
        ),
        _udpos("lt pl ro uk wo"),
        _panx("az gu lt pa pl qu ro uk"),
        *_all_qa("ro"),
        _tatoeba("az lt pl ro uk"),
        TaskFiles(
            "mewslix", "retrieval", Rankings(), _codes("ar de en es fa ja pl ro ta tr uk"), ("map@20",)
        ),
        TaskFiles("lareqa", "retrieval", Rankings(), _XQUAD, ("map@20",)),
    ),
    note="XTREME-R's published evaluator stops before its overall score, and reads no LAReQA files. Here the overall "
    "score is the mean over the ten tasks, groups are those of the paper, and LAReQA's files are of Mewsli-X's form.",
)

SUBMISSIONS = MappingProxyType({suite.name: suite for suite in (XTREME, XTREME_R)})
