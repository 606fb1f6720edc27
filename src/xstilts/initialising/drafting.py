"""From the names of files to a recipe: what is guessed, why, and how to overrule it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.errors import DataError, UnknownName, UserError
from xstilts.initialising import guesses, writing
from xstilts.initialising.columns import described, fields_of, same_columns
from xstilts.initialising.contents import Contents, read_contents
from xstilts.initialising.guesses import Guess
from xstilts.initialising.locating import Places, locate
from xstilts.initialising.roles import Reading, Role, guess_id, guess_roles, guess_tag_columns
from xstilts.initialising.sampling import SQUAD, Sample, take_sample
from xstilts.recipe import Recipe, parse_recipe, set_key
from xstilts.tasks import Catalogue
from xstilts.tasks.files import FilesSource, UserTask
from xstilts.tasks.rows import SHAPES, Column, column_parts

ENCODER = "bundled/multilingual-e5-small"
INTERMEDIATE = ("pocket/definitions",)
SPAN_QA = "span-qa"
_RETRIEVAL = "sentence-retrieval"
_GENERIC = {
    "data",
    "dataset",
    "datasets",
    "raw",
    "files",
    "corpus",
    "tmp",
    "train",
    "test",
    "download",
    "task1",
}


@dataclass(frozen=True)
class Request:
    """What one types: files, and whatever shall not be guessed.

    `changes` are keys of the task as `--set` takes them: `columns.text=review`, `header=false`. `out` is the path of
    the recipe; the paths in it start from its folder.
    """

    tests: tuple[str, ...]
    train: str | None = None
    dev: str | None = None
    out: Path = Path("recipe.yaml")
    type: str | None = None
    changes: tuple[str, ...] = ()
    encoder: str = ENCODER
    intermediate: tuple[str, ...] = INTERMEDIATE


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


def draft(request: Request) -> Draft:
    """Guess a recipe from files, and check it on every row of them.

    Raises:
        UserError: files are missing, or cannot be read as one task.

    Example:
        >>> draft(Request(("test-{language}.tsv",), "en.tsv")).recipe.targets  # doctest: +SKIP
        ('my/task',)
    """
    fixed = _fixed(request)
    for name in request.intermediate:
        Catalogue().get(name)
    places = locate(request.train, request.dev, request.tests, fixed.get("languages") or ())
    sample, places = _look(places, fixed)
    reading = _read(sample, places, fixed)
    base = request.out.parent
    if reading.type == _RETRIEVAL and "train" in places.patterns:
        places = places.without_training()
    spec = _spec(places, base, sample, reading, fixed)
    if not places.is_aligned and sample.format not in {SQUAD, "conllu"}:
        _check_alike(places, sample, reading, "header" in fixed)
    name = f"my/{_name(places, base)}"
    found = guesses.of_files(places, sample, reading, fixed)
    spec, contents = _checked(name, spec, base, guess_id(fields_of(sample.records)), found)
    text = writing.recipe_text(name, spec, request.encoder, request.intermediate)
    found += guesses.of_contents(contents, places, spec, fixed)
    recipe = parse_recipe(text, str(request.out))
    return Draft(recipe, text, name, tuple(found), (*places.left_out, *_notes(contents, places)), contents)


def _fixed(request: Request) -> dict[str, Any]:
    """The keys of the task that the user decides, checked as a recipe's are."""
    values: dict[str, Any] = {}
    for change in request.changes:
        key = change.partition("=")[0].strip().partition(".")[0]
        if key not in UserTask.model_fields:
            elsewhere = (
                " It is a key of the recipe: give it to `xstilts run`" if key in Recipe.model_fields else ""
            )
            raise UserError(
                f"--set {change}: {UnknownName('key of a task', key, UserTask.model_fields)}{elsewhere}"
            )
        set_key(values, change)
    if request.type:
        values["type"] = request.type
    if values.get("type") and values["type"] not in SHAPES:
        raise UnknownName("task type", str(values["type"]), SHAPES)
    if isinstance(values.get("languages"), str):
        values["languages"] = [values["languages"]]
    columns = values.get("columns", {})
    values["columns"] = {
        name: tuple(column) if isinstance(column, list) else column for name, column in columns.items()
    }
    return values


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
    if sample.format == SQUAD:
        return _span_qa(sample)
    if places.is_aligned:
        sides = {"text": Role("text", "line files"), "target": Role("target", "line files")}
        return Reading(_RETRIEVAL, "aligned lines, and no labels", sides)
    if sample.format == "conllu":
        usual = {"tokens": Role("form", "CoNLL-U"), "tags": Role("upos", "CoNLL-U; xpos is the other one")}
        given = {name: Role(column, "as you say") for name, column in columns.items()}
        return Reading("tagging", "CoNLL-U", usual | given)
    fields = fields_of(sample.records, sample.by_position)
    if sample.format == "token-tag":
        return guess_tag_columns(fields, columns)
    reading = guess_roles(fields, kind, columns, "train" in places.patterns)
    if reading is None:
        raise DataError(_nothing_fits(sample, described(fields), kind, "train" in places.patterns))
    return reading


def _span_qa(sample: Sample) -> Reading:
    if SPAN_QA not in SHAPES:
        raise DataError(
            f"{sample.path}: this is question answering in SQuAD's format, which this version does not train. "
            f"Known task types: {', '.join(SHAPES)}"
        )
    return Reading(SPAN_QA, "SQuAD's JSON", {})


def _nothing_fits(sample: Sample, columns: str, kind: str | None, trained: bool) -> str:
    wanted = SHAPES[kind].required if kind else ("text", "label") if trained else ("text", "target")
    example = "columns." + wanted[-1]
    header = ""
    if sample.header is not None:
        there = "the first line was taken as the header" if sample.header.there else "no header was found"
        header = (
            f" ({there}: {sample.header.why}; `--set header={str(not sample.header.there).lower()}` if not)"
        )
    missing = f"the columns of a {kind} task ({', '.join(wanted)})" if kind else f"a {wanted[-1]}"
    hint = "" if trained or kind else " Other tasks than sentence-retrieval need --train."
    return (
        f"{sample.path}: cannot tell which column holds {missing}{header}. Columns: {columns}. "
        f"Say which, such as `--set {example}={_first_column(sample)}`.{hint}"
    )


def _first_column(sample: Sample) -> str:
    return "0" if sample.by_position else str(next(iter(sample.records[0])))


def _spec(
    places: Places, base: Path, sample: Sample, reading: Reading, fixed: Mapping[str, Any]
) -> dict[str, Any]:
    """The task's keys, in the order in which people read them."""
    relative = places.relative(base)
    test = relative["test"]
    files: dict[str, Any] = {split: relative[split][0] for split in ("train", "dev") if split in relative}
    files["test"] = {"text": test[0], "target": test[1]} if len(test) == 2 else test[0]
    spec: dict[str, Any] = {"type": reading.type, "files": files}
    columns = {name: role.column for name, role in reading.roles.items() if role.column != name}
    usual = sample.format == "conllu" or columns == {"tokens": 0, "tags": 1}
    if columns and (fixed["columns"] or not usual):
        spec["columns"] = columns
    spec |= {key: value for key, (value, _) in reading.settings.items()}
    spec |= _format_keys(sample, UserTask.model_validate(spec))
    if places.chosen:
        spec["languages"] = list(places.languages)
    if places.train_language != "en":
        spec["train_language"] = places.train_language
    if reading.type == _RETRIEVAL and "dev" not in files:
        spec["dev_from"] = "test"
    others = {key: value for key, value in fixed.items() if key not in {"type", "columns", "files"}}
    return spec | others


def _format_keys(sample: Sample, task: UserTask) -> dict[str, Any]:
    """What must be said of the format, as the reader of recipes would take it otherwise."""
    keys: dict[str, Any] = {}
    if sample.format not in {"lines", SQUAD} and _implied(task, sample.path) != sample.format:
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


def _check_alike(places: Places, sample: Sample, reading: Reading, told: bool) -> None:
    """Every dev and test file must have the columns of the training file; `told`: the user says the header.

    Raises:
        DataError: one has not; the message names both.
    """
    columns = {name: role.column for name, role in reading.roles.items()}
    keys = {"format": sample.format, "quoting": sample.quoting}
    header = sample.header and sample.header.there
    for path in places.files("dev") + places.files("test"):
        as_there = take_sample(path, {**keys, "header": header})
        guessed = as_there if told else take_sample(path, keys)
        record, clear = as_there.records[0], guessed.header is not None and guessed.header.sure
        narrow = sample.by_position and len(record) != len(sample.records[0])
        other = clear and guessed.by_position != sample.by_position
        if narrow or other or not same_columns(record, columns):
            raise DataError(_unlike(path, guessed if other else as_there, sample, columns))


def _unlike(path: Path, other: Sample, sample: Sample, columns: Mapping[str, Column]) -> str:
    needed = ", ".join(f"{name}: {guesses.column_words(column)}" for name, column in columns.items())
    message = (
        f"{path}, line 1: other columns than {sample.path}. Here: {_shown(other)}. There: {_shown(sample)}. "
        f"Expected the same layout in all files ({needed}); test files need their labels too, to be scored."
    )
    headed = sample.header is not None and sample.header.there
    if headed and other.by_position and sample.format == "tsv":
        names = list(sample.records[0])
        order = [f"${names.index(str(part)) + 1}" for part in column_parts(columns) if str(part) in names]
        program = "'NR > 1 {print " + ", ".join(order) + "}'"
        message += f" To bring {sample.path.name} into their layout: awk -F'\\t' -v OFS='\\t' {program} "
        message += f"{sample.path.name} > train-en.tsv"
    return message


def _shown(sample: Sample) -> str:
    columns = list(sample.records[0])
    if sample.by_position:
        return f"{len(columns)} columns without names"
    more = f" and {len(columns) - 8} more" if len(columns) > 8 else ""
    return f"columns {', '.join(columns[:8])}{more}"


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
        return read_contents(FilesSource(name, UserTask.model_validate(keys), base))

    full = dict(spec)
    contents = None
    if id_column and "id" not in spec.get("columns", {}):
        full["columns"] = dict(spec.get("columns", {})) | {"id": id_column}
        with suppress(DataError):  # ids that repeat, or that some file has not
            contents = contents_of(full)
    if contents is None:
        full = dict(spec)
        try:
            contents = contents_of(full)
        except DataError as error:
            raise DataError(f"{error}\n\n{guesses.as_text(found)}") from None
    if "parallel" not in spec and contents.parallel:
        full["parallel"] = True
        contents = contents_of(full)
    return full, contents


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
