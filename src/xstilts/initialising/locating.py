"""Where the files are that `xstilts init` was given: patterns, as a recipe says them, and their languages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xstilts.errors import DataError, UserError
from xstilts.languages import normalise
from xstilts.tasks.readers import find_files
from xstilts.tasks.reading import what_is_there

LANGUAGE = "{language}"

_WORDS = frozenset(  # that are codes of small languages too
    (
        *("all", "bio", "csv", "dev", "ner", "new", "old", "pos", "pud", "raw", "set", "sub", "tab", "tok"),
        *("tsv", "tst", "txt", "val", "xml"),
    )
)
_EXPECTED = "Expected test files with the code of their language in their names, given as --test 'test-{language}.tsv'"


@dataclass(frozen=True)
class Places:
    """The files of a task.

    `patterns` are those of each split, as they were typed or inferred: one, or those of line files that belong
    together, two that are aligned (text, target) or three (text, target, and which of their sentences are pairs).
    `languages` are the codes in the test files' names; `chosen` says that not all files that fit the pattern are meant.
    `left_out` tells why files that fit are not test files.
    """

    patterns: Mapping[str, tuple[str, ...]]
    languages: tuple[str, ...]
    chosen: bool
    train_language: str = "en"
    left_out: tuple[str, ...] = ()

    @property
    def is_aligned(self) -> bool:
        """Whether the test files are line files side by side."""
        return len(self.patterns["test"]) > 1

    @property
    def roles(self) -> tuple[str, ...]:
        """What each of several line files holds, by the name that a recipe gives it."""
        return ("text", "target", "gold")[: len(self.patterns["test"])]

    def file(self, split: str) -> Path | None:
        """The first file of a split."""
        files = self.files(split)
        return files[0] if files else None

    def files(self, split: str) -> list[Path]:
        """All files of a split, of the languages that are meant."""
        sides = [_found(pattern) for pattern in self.patterns.get(split, ())]
        trained = {code for side in sides for code in side if _tag(code) == self.train_language}
        meant = {"", *({} if split == "train" else self.languages), *({} if split == "test" else trained)}
        return [path for side in sides for code, paths in side.items() if code in meant for path in paths]

    def beside_english(self) -> Places | None:
        """The same with every test file beside the English one, line by line; None where there is none."""
        english = [code for code in self.languages if _tag(code) == self.train_language]
        if self.is_aligned or not english:
            return None
        (pattern,) = self.patterns["test"]
        both = (pattern, pattern.replace(LANGUAGE, english[0]))
        others = tuple(code for code in self.languages if code != english[0])
        return replace(self, patterns={**self.patterns, "test": both}, languages=others)

    def without_training(self) -> Places:
        """The same without a training file, for what is not trained."""
        return replace(self, patterns={name: one for name, one in self.patterns.items() if name != "train"})

    def relative(self, base: Path) -> dict[str, tuple[str, ...]]:
        """The patterns as a recipe in the folder `base` says them.

        Raises:
            UserError: the folder and the files have nothing above them but the root.
        """
        return {
            split: tuple(_relative(pattern, base) for pattern in patterns)
            for split, patterns in self.patterns.items()
        }


def locate(train: str | None, dev: str | None, tests: Sequence[str], declared: Sequence[str] = ()) -> Places:
    """Find the files that were named.

    Args:
        train: path or pattern of the English training file.
        dev: likewise of the dev file.
        tests: one pattern with `{language}`, two for aligned line files (text, target), three for the line files of
            translations to be mined (text, target, pairs), or files one by one.
        declared: the languages, where the user says them.

    Raises:
        DataError: files are missing, or none is in another language than that of training.
    """
    patterns, codes = _test_patterns(tests, declared)
    others = {split: (pattern,) for split, pattern in (("train", train), ("dev", dev)) if pattern}
    for split, (pattern,) in others.items():
        _check_there(f"--{split}", pattern)
    if train and LANGUAGE in train and "en" not in map(_tag, _found(train)):
        raise DataError(f"--train {train}: none of these files is English. {what_is_there(Path(), train)}")
    if declared:
        there, wanted = codes, {normalise(code) for code in declared}
        codes = [code for code in there if _tag(code) in wanted]
        if not codes:
            raise DataError(
                f"languages: there are no test files for {', '.join(declared)}, but for {', '.join(there)}"
            )
    left_out = _unusable(codes) | _used_already(train, dev, patterns)
    meant = tuple(code for code in codes if code not in left_out)
    language = _train_language(train, meant)
    if not [code for code in meant if _tag(code) != language]:
        raise DataError(_no_other_language(tests, patterns, language))
    fitting = {code for pattern in patterns for code in _found(pattern)} - {""}
    chosen = bool(fitting - set(meant))
    return Places(others | {"test": patterns}, meant, chosen, language, tuple(left_out.values()))


def _used_already(train: str | None, dev: str | None, patterns: Sequence[str]) -> dict[str, str]:
    """The code of a test file that is the training file too, and what to say of it.

    Raises:
        DataError: a dev file is a test file, or there is no other test file than that of training.
    """
    if dev and (code := _tested_by(dev, patterns)) is not None:
        raise DataError(
            f"--dev {dev} is also the test file of {code}: what chooses checkpoints cannot test them. "
            "Leave --dev out, and some training rows are set aside, or name other files"
        )
    code = _tested_by(train, patterns) if train else None
    if code == "":
        raise DataError(f"--train and --test are the same file, {train}. {_EXPECTED}")
    if code is None:
        return {}
    return {code: f"{train} trains, so it does not test: {code} is left out of the test languages"}


def _unusable(codes: Sequence[str]) -> dict[str, str]:
    """Codes that name no language, or one that another code names already, and what to say of them."""
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    for code in codes:
        tag = _tag(code)
        if not tag:
            found[code] = f"{code} names no language: its test files are left out"
        elif first.setdefault(tag, code) != code:
            found[code] = f"{first[tag]} and {code} name the same language ({tag}): {code} is left out"
    return found


def _test_patterns(tests: Sequence[str], declared: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The patterns of the test files, and the codes in their names (as declared where names have none)."""
    if not tests:
        raise UserError(f"--test is missing. {_EXPECTED}")
    starred = [_language_for_star(pattern) for pattern in tests]
    if any(LANGUAGE in pattern for pattern in starred):
        if len(starred) > 3:
            raise UserError(
                f"--test: {len(starred)} patterns. Expected one with {LANGUAGE}, or two for line files side by side: "
                "the text in every language, and its English; or three for translations to be mined: id⇥sentence in "
                "every language, the same in English, and id⇥id of the pairs"
            )
        for pattern in starred:
            _check_there("--test", pattern)
        return tuple(starred), _codes(starred)
    for pattern in starred:
        _check_there("--test", pattern)
    if len(starred) == 1 and len(declared) == 1:
        return tuple(starred), list(declared)
    inferred = infer_pattern(starred)
    if inferred is None:
        names = ", ".join(Path(pattern).name for pattern in starred[:4])
        raise DataError(
            f"--test: the names ({names}) do not differ in a language code alone. {_EXPECTED}. Rename them, or "
            "put each into a folder named after its language: --test '{language}/test.tsv'"
        )
    return (inferred[0],), inferred[1]


def _language_for_star(pattern: str) -> str:
    """`test-*.tsv` means `test-{language}.tsv`."""
    if LANGUAGE in pattern or pattern.count("*") != 1:
        return pattern
    replaced = pattern.replace("*", LANGUAGE)
    return replaced if any(map(_tag, _found(replaced))) else pattern


def _codes(patterns: Sequence[str]) -> list[str]:
    """The codes that all patterns with {language} have files for, not one file on both sides."""
    sides = [_found(pattern) for pattern in patterns]
    shared = set.intersection(*(set(side) for side in sides if "" not in side))
    files = {code: {side.get(code) or side.get("") for side in sides} for code in shared}
    return sorted(code for code, found in files.items() if len(found) == len(sides))


def infer_pattern(paths: Sequence[str]) -> tuple[str, list[str]] | None:
    """The pattern that files fit with a different language code each, and the codes; None if there is none.

    Example:
        >>> infer_pattern(["data/test-de.tsv", "data/test-sw.tsv"])  # doctest: +SKIP
        ('data/test-{language}.tsv', ['de', 'sw'])
    """
    wanted = {Path(path) for path in paths}
    for pattern in candidate_patterns(paths[0]):
        found = _found(pattern)
        codes = [code for code, files in found.items() if wanted & set(files)]
        covered = {file for code in codes for file in found[code]}
        if wanted <= covered and len(codes) == len(wanted) and all(map(_tag, codes)):
            return pattern, codes
    return None


def candidate_patterns(path: str) -> Iterator[str]:
    """The path with `{language}` for each part that may be a code: the last parts first, two letters before three.

    Example:
        >>> list(candidate_patterns("de/test-de.tsv"))
        ['de/test-{language}.tsv', '{language}/test-{language}.tsv']
    """
    parts = [match for match in re.finditer(r"[A-Za-z0-9]+", path) if len(match[0]) in {2, 3}]
    found: dict[str, int] = {}
    for part in parts:
        wider = _SUBTAG.match(path, part.end())
        found |= {code: part.start() for code in (part[0], part[0] + wider[0] if wider else "") if _tag(code)}
    for code in sorted(found, key=lambda code: (len(code) == 3, -len(code), -found[code])):
        alone = re.compile(rf"(?<![A-Za-z0-9]){re.escape(code)}(?![A-Za-z0-9])")
        for match in reversed(list(alone.finditer(path))):
            yield path[: match.start()] + alone.sub(LANGUAGE, path[match.start() :])


_SUBTAG = re.compile(r"[-_](?:[A-Z][a-z]{3}|[A-Z]{2})(?![A-Za-z0-9])")
"""A script or territory behind a code: `zh-Hant`, `pt_BR`."""


def _tag(code: str) -> str:
    """The language of a code in a file's name; empty if it is none, or a word that names a split or format."""
    if not code or code.lower() in _WORDS:
        return ""
    try:
        return normalise(code)
    except UserError:
        return ""


def _train_language(train: str | None, codes: Sequence[str]) -> str:
    """English, unless the training file's name has the code of another test language and no `en`."""
    if train is None or LANGUAGE in train:
        return "en"
    tags = {_tag(part) for part in re.split(r"[^A-Za-z0-9]+", Path(train).name)} & {*map(_tag, codes), "en"}
    return tags.pop() if len(tags) == 1 else "en"


def _tested_by(pattern: str, patterns: Sequence[str]) -> str | None:
    """The code of a test file that is also a file of another split's pattern."""
    files = {file.resolve() for found in _found(pattern).values() for file in found}
    for code, found in _found(patterns[0]).items():
        if files & {file.resolve() for file in found}:
            return code
    return None


def _found(pattern: str) -> dict[str, tuple[Path, ...]]:
    """The files that fit a pattern as it was typed, by the code in their names."""
    return find_files(Path(), str(Path(pattern).expanduser()))


def _check_there(option: str, pattern: str) -> None:
    if not _found(pattern):
        raise DataError(f"{option} {pattern}: there is no such file. {what_is_there(Path(), pattern)}")


def _no_other_language(tests: Sequence[str], patterns: Sequence[str], language: str) -> str:
    """What to say where every test file is in the language of training."""
    name = "English" if language == "en" else language
    message = f"--test {' '.join(tests)}: no test file is in another language than {name}."
    for pattern in patterns:
        for wider in (pattern, *candidate_patterns(pattern)):
            codes = [code for code in _found(wider) if _tag(code)]
            if len(codes) > 1:
                return f"{message} There are files for {', '.join(codes[:12])}: say --test {wider!r}"
    return (
        f"{message} What is asked is how training in {name} carries over to other languages. {_EXPECTED}. "
        f"{what_is_there(Path(), patterns[0])}"
    )


def _relative(pattern: str, base: Path) -> str:
    full, folder = Path(pattern).expanduser().absolute(), base.absolute()
    try:
        common = Path(os.path.commonpath([full, folder]))
    except ValueError:  # two drives
        common = Path(folder.anchor)
    if common == Path(common.anchor):
        raise UserError(
            f"{pattern} and the recipe's folder ({folder}) have no folder in common, and a recipe names files from "
            f"its own folder. Write it nearer to them: --out {full.parent / 'recipe.yaml'}"
        )
    return Path(os.path.relpath(full, folder)).as_posix()
