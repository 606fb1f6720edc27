"""From the names of files to a recipe: what is guessed, why, and how to overrule it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.errors import DataError, UserError
from xstilts.initialising import guesses, writing
from xstilts.initialising.asking import Request, decided, task_of
from xstilts.initialising.columns import described, fields_of
from xstilts.initialising.contents import Contents, read_contents
from xstilts.initialising.guesses import Guess
from xstilts.initialising.layout import check_layout
from xstilts.initialising.locating import Places, locate
from xstilts.initialising.roles import Reading, Role, guess_id, guess_roles, guess_tag_columns
from xstilts.initialising.sampling import SQUAD, Sample, take_sample
from xstilts.recipe import Recipe, parse_recipe
from xstilts.tasks import Catalogue
from xstilts.tasks.columns import Column, absent_column
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.files import FilesSource
from xstilts.tasks.pools import with_candidates
from xstilts.tasks.rare_labels import rare_labels
from xstilts.tasks.rows import SHAPES

SPAN_QA = "span-qa"
_QUESTIONS = {"question", "context", "answers"}
_RETRIEVAL, _ANSWERS, _MINING = "sentence-retrieval", "answer-retrieval", "bitext-mining"
_GENERIC = frozenset(
    ("data", "dataset", "datasets", "raw", "files", "corpus", "tmp", "train", "test", "download", "task1")
)
"""Names of folders that say nothing about a task."""


@dataclass(frozen=True)
class Draft:
    """A recipe that is not written yet, and how it came about.

    `text` is the YAML, `task` the name of the task in it; `notes` are things to know that are no guesses.
    """

    recipe: Recipe
    text: str
    task: str
    guesses: tuple[Guess, ...]
    notes: tuple[str, ...]
    contents: Contents = field(repr=False)


def draft(request: Request, longest: int | None = None) -> Draft:
    """Guess a recipe from files, and check it on every row of them. Nothing is written but the recipe's folder.

    Args:
        request: what one asks.
        longest: tokens that the encoder takes at most.

    Raises:
        UserError: files are missing, or cannot be read as one task.

    Example:
        >>> draft(Request(("test-{language}.tsv",), "en.tsv")).recipe.targets  # doctest: +SKIP
        ('my/task',)
    """
    fixed = decided(request.changes)
    catalogue = Catalogue(data=request.data)
    arms = {name: catalogue.get(name).summary for name in request.intermediate}
    places = locate(request.train, request.dev, request.tests, fixed.get("languages") or ())
    sample, places = _look(places, fixed)
    reading = _read(sample, places, fixed)
    if fixed.get("type") not in {None, reading.type}:
        raise UserError(
            f"--type {fixed['type']}: {sample.path} is read as {sample.format} ({sample.format_why}), which holds "
            f"{reading.type}. Leave --type out, or say how the file is to be read: --set format=FORMAT"
        )
    places = _fitting(places, reading.type)
    if not places.is_aligned and sample.format not in {SQUAD, "conllu"}:
        check_layout(places, sample, reading, "header" in fixed)
    base = request.out.parent
    base.mkdir(parents=True, exist_ok=True)  # paths start from there
    spec = _spec(places, base, sample, reading, fixed)
    name = f"my/{_name(places, base)}"
    found = guesses.of_files(places, sample, reading, fixed)
    spec, contents = _checked(name, spec, base, guess_id(fields_of(sample.records)), found)
    text = writing.recipe_text(name, spec, _encoder_name(request.encoder, base), arms, longest)
    found += guesses.of_contents(contents, places, spec, fixed)
    recipe = parse_recipe(text, str(request.out))
    rare = rare_labels(FilesSource(name, task_of(spec), base), places.train_language)
    notes = (*places.left_out, *_notes(contents, places), *rare)
    return Draft(recipe, text, name, tuple(found), notes, contents)


def _encoder_name(name: str, base: Path) -> str:
    """The encoder as a recipe names it: a folder by its path from the recipe's."""
    folder, at, layers = name.partition("@")
    if Path(folder).is_absolute() or not Path(folder).is_dir():
        return name
    return Path(os.path.relpath(folder, base)).as_posix() + at + layers


def _fitting(places: Places, kind: str) -> Places:
    """The files that a task of this type has."""
    if kind in {_RETRIEVAL, _MINING}:
        if places.is_aligned and "dev" in places.patterns:
            sides = ", ".join(f"{role}: FILE" for role in places.roles)
            raise UserError(
                f"--dev: line files side by side have a dev file each. Leave --dev out, and a fifth of the test rows "
                f"is set aside, or add `dev: {{{sides}}}` under `files:` of the recipe"
            )
        return places.without_training()
    if "train" not in places.patterns and kind != _ANSWERS:
        raise UserError(
            f"--train is missing: a {kind} task is trained, on English rows such as --train en.tsv"
        )
    return places


def _look(places: Places, fixed: Mapping[str, Any]) -> tuple[Sample, Places]:
    """The first records of the training file, or of a test file where nothing is trained."""
    path = (places.files("train") or places.files("test"))[0]
    if places.is_aligned:
        return take_sample(path, {"format": "lines"}), places
    sample = take_sample(path, fixed, fixed.get("type") == "tagging")
    if sample.format != "lines":
        return sample, places
    beside = places.beside_english()
    if "train" in places.patterns and fixed.get("type") != _RETRIEVAL:
        raise DataError(
            f"{path}, line 1: one column only, {sample.records[0]['text'][:60]!r}. Expected a text and its label, "
            f"separated by tabs. If the files are translations of each other, line by line, this is {_RETRIEVAL}: "
            "leave --train out"
        )
    if beside is None:
        raise DataError(
            f"{path}: plain lines, and no English file beside them. Expected the English lines as one of the test "
            "files, or as a second --test"
        )
    return sample, beside


def _read(sample: Sample, places: Places, fixed: Mapping[str, Any]) -> Reading:
    """The task type and the columns."""
    columns: Mapping[str, Column] = fixed.get("columns", {})
    kind = fixed.get("type")
    if sample.format == SQUAD or (kind in {None, SPAN_QA} and set(sample.records[0]) >= _QUESTIONS):
        return _span_qa(sample, columns)
    if places.is_aligned:
        sides = {role: Role(role, "line files") for role in places.roles}
        if "gold" in sides:
            return Reading(_MINING, "sentences of two sides by id, and pairs of ids", sides)
        return Reading(_RETRIEVAL, "aligned lines, and no labels", sides)
    if kind == _MINING:
        raise UserError(
            f"--type {_MINING}: expected three times --test: lines id⇥sentence in every language, the same in English, "
            "and lines id⇥id, the pairs. Such as --test '{language}.txt' --test '{language}-en.txt' "
            "--test '{language}.pairs'"
        )
    if sample.format == "conllu":
        usual = {"tokens": Role("form", "CoNLL-U"), "tags": Role("upos", "CoNLL-U; xpos is the other one")}
        given = {name: Role(column, "as you say") for name, column in columns.items()}
        return Reading("tagging", "CoNLL-U", usual | given)
    absent = [absent_column(record, columns) for record in sample.records]
    if columns and all(absent):
        raise DataError(f"{sample.path}, line 1: {absent[0]}")
    fields = fields_of(sample.records, sample.by_position)
    if sample.format == "token-tag":
        return guess_tag_columns(fields, columns)
    trained = "train" in places.patterns
    reading = guess_roles(fields, kind, columns, trained) or guess_roles(fields, kind, columns)
    if reading is None:
        raise DataError(_nothing_fits(sample, described(fields), kind, trained))
    return reading


def _span_qa(sample: Sample, columns: Mapping[str, Column]) -> Reading:
    if sample.format == SQUAD:
        return Reading(SPAN_QA, "SQuAD's JSON", {})
    roles = {name: Role(name, "its name") for name in sorted(_QUESTIONS)}
    given = {name: Role(column, "as you say") for name, column in columns.items()}
    return Reading(SPAN_QA, "questions, contexts, answers", roles | given)


def _nothing_fits(sample: Sample, columns: str, kind: str | None, trained: bool) -> str:
    wanted = SHAPES[kind].required if kind else ("text", "label") if trained else ("text", "target")
    lines = [f"{sample.path}: cannot tell which columns hold {' and '.join(wanted)}.", f"Columns: {columns}."]
    if sample.header is not None:
        line = "line 1 names them" if sample.header.there else "they have no names"
        other = str(not sample.header.there).lower()
        lines.append(f"It seems that {line} ({sample.header.why}); if not, add --set header={other}.")
    column = "0" if sample.by_position else "NAME"
    lines.append(f"Say which they are, such as --set columns.{wanted[-1]}={column}.")
    return " ".join(lines)


def _spec(
    places: Places, base: Path, sample: Sample, reading: Reading, fixed: Mapping[str, Any]
) -> dict[str, Any]:
    """The task's keys, in the order in which people read them."""
    relative = places.relative(base)
    test = relative["test"]
    files: dict[str, Any] = {split: relative[split][0] for split in ("train", "dev") if split in relative}
    files["test"] = dict(zip(places.roles, test, strict=True)) if places.is_aligned else test[0]
    spec: dict[str, Any] = {"type": reading.type, "files": files}
    columns = {name: role.column for name, role in reading.roles.items() if role.column != name}
    usual = sample.format == "conllu" or columns == {"tokens": 0, "tags": 1}
    if columns and (fixed["columns"] or not usual):
        spec["columns"] = columns
    spec |= {key: value for key, (value, _) in reading.settings.items()}
    spec |= _format_keys(sample, task_of(spec))
    if places.chosen:
        spec["languages"] = list(places.languages)
    if places.train_language != "en":
        spec["train_language"] = places.train_language
    if not {"train", "dev"} & set(files):
        spec["dev_from"] = "test"
    if reading.type == _ANSWERS and "train" in files:
        spec["options"] = {"trained": True}
    others = {key: value for key, value in fixed.items() if key not in {"type", "columns", "files"}}
    return spec | others


def _format_keys(sample: Sample, task: UserTask) -> dict[str, Any]:
    """What must be said of the format, as the reader of recipes would take it otherwise."""
    keys: dict[str, Any] = {}
    if sample.format != "lines" and _implied(task, sample.path) != sample.format:
        keys["format"] = sample.format
    if sample.quoting:
        keys["quoting"] = sample.quoting
    if sample.header is not None and task.read_options.header != sample.header.there:
        keys["header"] = sample.header.there
    return keys


def _implied(task: UserTask, path: Path) -> str:
    try:
        return task.format_of(path)
    except DataError:
        return ""


def _name(places: Places, base: Path) -> str:
    """A name for the task: its folder's, else what the training file's name has beside split and language."""
    pattern = (places.patterns.get("train") or places.patterns["test"])[0]
    folders = [part for part in Path(pattern).parent.parts if part.strip("./") and "{" not in part]
    stem = [part for part in re.split(r"[^A-Za-z0-9]+", Path(pattern).name.partition(".")[0]) if part]
    known = {*_GENERIC, "dev", "en", "eng", "english", "language", *places.languages}
    words = [*reversed(folders), "-".join(part for part in stem if part.lower() not in known)]
    for word in (*words, base.absolute().name):
        name = re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")
        if name and name not in _GENERIC:
            return name
    return "task"


def _checked(
    name: str, spec: Mapping[str, Any], base: Path, id_column: str | None, found: Sequence[Guess]
) -> tuple[dict[str, Any], Contents]:
    """Read all rows; ids, if they are whole, and whether rows are parallel join the task's keys."""

    def contents_of(keys: Mapping[str, Any]) -> Contents:
        task = task_of(keys)
        files, shape = FilesSource(name, task, base), SHAPES[task.type]
        of_lines = shape.pooled and shape.sides
        return read_contents(files, with_candidates(files, shape.sides, task.parallel) if of_lines else None)

    contents = None
    for more in _more_keys(spec, id_column):  # ids may repeat, or be missing in some file
        full = dict(spec) | more
        with suppress(DataError):
            contents = contents_of(full)
            break
    if contents is None:
        full = dict(spec)
        try:
            contents = contents_of(full)
        except DataError as error:
            raise DataError(f"{error}\n\n{guesses.as_text([*found, *guesses.of_dev(spec)])}") from None
    if "parallel" not in spec and contents.parallel:
        full["parallel"] = True
        contents = contents_of(full)
    return full, contents


def _more_keys(spec: Mapping[str, Any], id_column: str | None) -> Iterator[dict[str, Any]]:
    """What may be added to a task's keys, if its files bear it: the ids that they have, or that these mean nothing."""
    columns = spec.get("columns", {})
    if spec["type"] == SPAN_QA:
        yield from ({}, {"repeated_ids": True})
    elif id_column and "id" not in columns:
        yield {"columns": dict(columns) | {"id": id_column}}


def _notes(contents: Contents, places: Places) -> list[str]:
    notes = []
    dev = sum(contents.counts["dev"].values())
    if 0 < dev < 50:
        notes.append(
            f"dev has {dev} rows only: what is chosen on it is chosen by chance. Give more with --dev"
        )
    if places.train_language not in contents.counts["test"] and "train" in places.patterns:
        notes.append(
            "no test file in the language of training: gains there, and how they persist, are not shown"
        )
    return notes
