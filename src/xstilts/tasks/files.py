"""The rows of a task from one's own files, as a recipe declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType

from xstilts.errors import RecipeError
from xstilts.hashing import digest, files_fingerprint, remembered
from xstilts.languages import normalise
from xstilts.tasks import readers
from xstilts.tasks.base import Row, Task
from xstilts.tasks.columns import Located, located, spread
from xstilts.tasks.declaration import ROLES, UserTask
from xstilts.tasks.dividing import TEST_SHARE, carve_dev
from xstilts.tasks.pictures import TaskImages
from xstilts.tasks.pools import with_candidates
from xstilts.tasks.readers import Problem, Record, Report, raise_problems
from xstilts.tasks.reading import (
    PLAIN,
    Reading,
    named_files,
    no_file,
    of_language,
    only,
    tag_of,
    unmatched,
)
from xstilts.tasks.rows import SHAPES, RowRules, build_rows

Files = Mapping[str, tuple[Path, ...]]

_VERSION = 1  # raised whenever the same files would give other rows
_READING = {  # the settings that change which rows are read from the same files
    *("type", "columns", "labels", "parallel", "format", "quoting", "header"),
    *("language_prefix", "label_base", "dev_from"),
}
_ALIGNED = MappingProxyType({role: role for role in ROLES[:2]})


@dataclass(frozen=True)
class FilesSource:
    """The rows of a user's task, read from files: the `Source` of what `UserTask` declares.

    Where there are no dev files, dev rows are set aside from the training files (`carve_dev`: 10% of the
    sources, at most 1,000 rows), or, with `dev_from: test`, from the test files (20% of the sources). What
    remains is `train` or `test`. With `lenient`, the declared languages need not all be there.
    """

    name: str
    spec: UserTask
    base: Path
    reading: Reading = PLAIN
    lenient: bool = False

    def languages(self, split: str) -> tuple[str, ...]:
        """The languages that have this split; for test, those that the task declares, if it does."""
        if self.spec.languages and not self.lenient and self._origin(split) == "test":
            return tuple(dict.fromkeys(map(normalise, self.spec.languages)))
        return tuple(sorted(self._found(self._origin(split))))

    def fingerprint(self, split: str, language: str) -> str:
        """SHA-256 of the files' content and of every setting that changes what is read from them."""
        origin = self._origin(split)
        files = self._found(origin).get(language)
        if files is None:
            raise_problems(self._title(split, language), [self._missing(origin, language)])
        content = {role: files_fingerprint(paths) for role, paths in files.items()}
        facts = self.spec.model_dump(mode="json", include=_READING) | self.reading.facts(self.base)
        facts |= {"language_column": self.spec.language_column} if self.spec.language_column else {}
        facts |= {"repeated_ids": True} if self.spec.repeated_ids else {}
        return digest([_VERSION, facts, split if self._is_carved(split) else "", language, content])

    def rows(self, split: str, language: str) -> list[Row]:
        """All rows, in the files' order.

        Raises:
            DataError: a file is missing or holds rows that do not fit (the first five, and a count).
        """
        rows, problems = self._load(self._origin(split), language)
        if not problems and self._is_carved(split):
            share, at_most = (0.1, 1000) if self.spec.dev_from == "train" else (TEST_SHARE, len(rows))
            rest, dev = carve_dev(rows, share, at_most)
            rows = dev if split == "dev" else rest
            if not rows:
                message = "too few rows to set some aside for dev. Add dev rows of your own under `files:`"
                problems = [Problem(f"{self.spec.dev_from} of {language}", 0, message)]
        if problems:
            raise_problems(self._title(split, language), problems)
        return rows

    def training(self, language: str) -> tuple[list[Row], list[str]]:
        """The good rows of the training files, dev's share with them, and the names of these files."""
        files = self._found("train").get(language, {})
        return self._load("train", language)[0], [path.name for paths in files.values() for path in paths]

    def origin(self, split: str) -> str:
        """The split, with the share that was set aside from it for dev."""
        if split == "dev" or not self._is_carved(split):
            return split
        return f"{split}, 80% of its sources" if split == "test" else f"{split}, without its dev part"

    def validate(self, split: str, language: str) -> list[Problem]:
        """Everything that is wrong with the files of one split and language; an empty list if nothing is."""
        return self._load(self._origin(split), language)[1]

    def paths(self, split: str) -> dict[str, tuple[Path, ...]]:
        """The line files of each language that has this split, in the order of their roles."""
        roles, found = SHAPES[self.spec.type].sides, self._found(split)
        return {tag: tuple(path for role in roles for path in found[tag][role]) for tag in found}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels or tags as declared, else those of the training file: sorted, as numbers if all are.

        Raises:
            DataError: they are not declared and there is no training file.
        """
        if self.spec.labels is not None or not SHAPES[self.spec.type].has_labels:
            return self.spec.labels or ()
        language = normalise(self.spec.train_language)
        if language not in self._found("train"):
            return self._labels_there(language)
        facts = self.fingerprint("train", language)
        return tuple(
            remembered(
                f"labels/{facts}",
                facts,
                partial(self._labels_there, language),
                lambda: self.fingerprint("train", language) == facts,
            )
        )

    def _labels_there(self, language: str) -> tuple[str, ...]:
        rows, problems = self._load("train", language)
        if not rows:
            needs = f"task {self.name} needs `labels: […]`, or training rows to read them from"
            raise_problems(self._title("train", language) if self._found("train") else needs, problems)
        found = {label for row in rows for label in (row["tags"] if "tags" in row else [row["label"]])}
        numeric = all(label.isdecimal() for label in found)
        return tuple(sorted(found, key=int if numeric else str))

    def _title(self, split: str, language: str) -> str:
        return f"task {self.name}, {split}, {language}"

    def _origin(self, split: str) -> str:
        """The split whose files hold the rows."""
        return self.spec.dev_from if split == "dev" and not self._found("dev") else split

    def _is_carved(self, split: str) -> bool:
        return split in {"dev", self.spec.dev_from} and self._origin("dev") != "dev"

    @cached_property
    def _looked_for(self) -> dict[str, dict[str, Files]]:
        """What was found of each split: files are looked for once."""
        return {}

    def _found(self, split: str) -> dict[str, Files]:
        """The files of each language that has all of its roles."""
        if split not in self._looked_for:
            self._looked_for[split] = self._find(split)
        return self._looked_for[split]

    def _find(self, split: str) -> dict[str, Files]:
        patterns = self.spec.patterns(split)
        by_role = {role: readers.find_files(self.base, pattern) for role, pattern in patterns.items()}
        natives = {native for found in by_role.values() for native in found}
        by_tag: dict[str, dict[str, Files]] = {}
        accepts = self.reading.accepts
        for native in sorted(natives - {""} or natives):
            # a side without {language} is shared by all languages
            sides = {role: found.get(native) or found.get("") for role, found in by_role.items()}
            files = {role: paths for role, paths in sides.items() if paths and all(map(accepts, paths))}
            if len(set(files.values())) == len(by_role):  # English against itself is no pair
                for tag in self._tags(native, split):
                    by_tag.setdefault(tag, {})[native] = files
        by_tag.pop("", None)
        also = () if self.lenient and split == "test" else (self.spec.train_language,)
        wanted = {normalise(code) for code in (*(self.spec.languages or by_tag), *also)}
        typed = self.spec.languages or ()
        return {
            tag: found[only(self.name, tag, found, typed)] for tag, found in by_tag.items() if tag in wanted
        }

    def _tags(self, native: str, split: str) -> list[str]:
        """The languages of a file, by the code in its name; one without may hold several."""
        if (self.spec.language_column or self.spec.by_language) and not native:
            return [normalise(code) for code in self.spec.languages or ()]
        return [self._tag(native, split)]

    def _tag(self, native: str, split: str) -> str:
        """The language of a code in a file's name; empty if it is none."""
        if not native:
            declared = self.spec.languages or ()
            only = declared[0] if split == "test" and len(declared) == 1 else None
            return normalise(only or self.spec.train_language)
        return tag_of(native)

    def missing(self, split: str, languages: tuple[str, ...]) -> list[Problem]:
        """What to say of each of these languages that has no files of a split."""
        found = self._found(split)
        return [self._missing(split, language) for language in languages if language not in found]

    def _missing(self, split: str, language: str) -> Problem:
        patterns = tuple(self.spec.patterns(split).values())
        return no_file(self.base, patterns, split, language, f"files: {self.spec.files}")

    def _load(self, split: str, language: str) -> tuple[list[Row], list[Problem]]:
        """The good rows of a split's files, and what is wrong with the others."""
        files = self._found(split).get(language)
        if files is None:
            return [], [self._missing(split, language)]
        problems: list[Problem] = []
        rows = list(self._rows(split, language, files, problems.append))
        if not rows and not problems:
            place = ", ".join(str(path) for paths in files.values() for path in paths)
            problems.append(Problem(place, 0, "there are no rows. Expected at least one"))
        return rows, sorted(problems, key=lambda problem: (problem.file, problem.line))

    def _rows(self, split: str, language: str, files: Files, report: Report) -> Iterator[Row]:
        # undeclared labels are those of the training rows themselves
        known = self.spec.labels is not None or (split != "train" and not self.reading.any_label)
        labels = self.labels if known else ()
        spec, unanswered = self.spec, bool(self.spec.options.get("null_answers"))
        repeated = spec.repeated_ids or bool(SHAPES[spec.type].spread)
        rules = RowRules(spec.type, labels, spec.label_base, spec.parallel, repeated, unanswered)
        return build_rows(self._records(files, language, report), rules, language, report)

    def _records(self, files: Files, language: str, report: Report) -> Iterator[Located]:
        if set(files) == set(_ALIGNED):
            (text,), (target,) = (files[role] for role in _ALIGNED)
            pairs = readers.read_aligned(text, target, report)
            for line, record in self.reading.cleaned(str(text), pairs, language, report):
                yield Located(str(text), line, record, {**_ALIGNED, **self.spec.columns})
            return
        spec = self.spec.in_language(language)
        column = SHAPES[spec.type].spread
        for path in files[""]:
            records = self.reading.cleaned(str(path), self._read(path, language, report), language, report)
            if column:
                records = spread(records, spec.columns.get(column, column), self.spec.by_language)
            yield from located(str(path), records, partial(spec.columns_of, path), report)

    def _read(self, path: Path, language: str, report: Report) -> Iterator[tuple[int, Record]]:
        records = (
            self.reading.read(path, report)
            if self.reading.records is not None
            else readers.read(path, self.spec.format_of(path), self.spec.read_options, report)
        )
        column = self.spec.language_column
        return records if column is None else of_language(records, column, language, str(path), report)


def user_task(name: str, spec: UserTask, base: Path) -> Task:
    """The task that a recipe declares under a name; `base` is the folder of the recipe.

    Raises:
        DataError: a declared language has no test file, a split's pattern fits no file, or labels cannot be known.

    Example:
        >>> spec = UserTask(type="classification", files="reviews/{split}-{language}.jsonl")
        >>> user_task("my/reviews", spec, Path("recipes")).languages  # doctest: +SKIP
        ('de', 'en', 'sw')
    """
    source, shape = FilesSource(name, spec, base), SHAPES[spec.type]
    if nowhere := unmatched(base, {split: spec.patterns(split) for split in spec.named_splits}):
        raise_problems(f"task {name}", nowhere)
    languages = source.languages("test")
    missing = source.missing("test", languages) if languages else []
    if not languages and not source.languages("train"):
        split = "test" if spec.patterns("test") else "train"
        missing = source.missing(split, (normalise(spec.train_language),))
    if missing:
        raise_problems(f"task {name}", missing)
    return Task(
        name=name,
        type=spec.type,
        source=with_candidates(source, shape.sides, spec.parallel) if shape.pooled else source,
        languages=languages,
        summary=spec.summary or f"{spec.type} from {named_files(spec.files)}",
        labels=source.labels,
        metrics=spec.metrics,
        parallel=spec.parallel,
        train_language=normalise(spec.train_language),
        licence=spec.licence,
        url=spec.url,
        notes=spec.notes,
        options=MappingProxyType(spec.task_options),
        images=_images(name, spec, source, base),
    )


def _images(name: str, spec: UserTask, source: FilesSource, base: Path) -> TaskImages | None:
    """The images that the rows of a task name, in the folder or the file that it declares."""
    if "image" not in SHAPES[spec.type].required:
        return None
    if not spec.images and not spec.features:
        wanted = "`images:`, the folder of the images that rows name, or `features:`, a file"
        raise RecipeError(f"tasks.{name}: {spec.type} expects {wanted}")
    places = (f"{spec.images}/{{image}}",) if spec.images else ()
    return TaskImages(name, source, base, places, (spec.features,) if spec.features else ())
