"""What kind of task a file holds, and which columns play which role: rules on names first, then on content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from xstilts.initialising import names
from xstilts.initialising.columns import Field
from xstilts.tasks.columns import Column
from xstilts.tasks.rows import SHAPES


@dataclass(frozen=True)
class Role:
    """A column of a task, where it is in the file, and why it is taken to be there."""

    column: Column
    why: str
    sure: bool = True


@dataclass(frozen=True)
class Reading:
    """A type with its columns by canonical name, and further settings (`label_base`) with their reasons."""

    type: str
    why: str
    roles: Mapping[str, Role]
    settings: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    sure: bool = True


Fixed = Mapping[str, Column]
Finder = Callable[[Sequence[Field], Fixed], Reading | None]


def guess_roles(
    fields: Sequence[Field], type: str | None, fixed: Fixed, trained: bool = True
) -> Reading | None:
    """The task that columns hold; None if none fits.

    Args:
        fields: the columns of the training file, or of a test file where nothing is trained.
        type: the task type, if the user says it.
        fixed: columns that the user says.
        trained: whether there is a training file; without one, only retrieval makes sense.

    Example:
        >>> texts = Field("review", ("Broke after a week", "A lovely lamp"))
        >>> guess_roles([texts, Field("stars", (1, 5))], None, {}).type
        'classification'
    """
    finders = FINDERS if trained else _UNTRAINED
    if type:
        finders = {type: _sentence_retrieval if type == "sentence-retrieval" else FINDERS.get(type, _none)}
    for name, finder in finders.items():
        if fixed and not set(fixed) <= set(SHAPES[name].columns):
            continue
        reading = finder(fields, fixed)
        if reading is not None:
            return reading
    return None


def guess_id(fields: Sequence[Field]) -> str | None:
    """The column with a name that ids have and another value in every row."""
    for one in fields:
        whole = len(one.distinct) == len(one.values) and not one.is_list
        if one.name in names.OWN_IDS and whole and isinstance(one.column, str):
            return one.column
    return None


def guess_tag_columns(fields: Sequence[Field], fixed: Fixed) -> Reading:
    """Where tokens and tags are in a file with a word a line: columns in the order of the file.

    Tokens are the first column that does not count 1, 2, 3; tags the last one that looks like B-PER, else the
    one behind the tokens.
    """
    tokens = next((place for place, one in enumerate(fields) if not _counts(one)), 0)
    rest = [place for place in range(len(fields)) if place != tokens]
    marked = [place for place in rest if _is_marked(fields[place])]
    tags = (marked or [place for place in rest if place > tokens] or rest)[-1 if marked else 0]
    roles = _given(fixed)
    if "tokens" not in roles:
        roles["tokens"] = Role(tokens, "the first column of words")
    if "tags" not in roles:
        why = "tags such as B-PER" if marked else "the column behind the tokens"
        roles["tags"] = Role(tags, why, len(marked) == 1 or len(rest) == 1)
    return Reading("tagging", "a word and its tag a line", roles)


def _counts(field: Field) -> bool:
    """Whether each sentence's values are 1, 2, 3 …, or 0, 1, 2 …."""
    lists = [value for value in field.values if isinstance(value, list)]
    return all([str(cell) for cell in cells] in _runs(len(cells)) for cells in lists)


def _runs(length: int) -> list[list[str]]:
    return [[str(number + start) for number in range(length)] for start in (0, 1)]


def _is_marked(field: Field) -> bool:
    """Whether its values are O, B-PER, I-PER …."""
    cells = {str(cell) for value in field.values for cell in value}
    return len(cells) > 1 and all(names.is_bio(cell) for cell in cells)


def _tagging(fields: Sequence[Field], fixed: Fixed) -> Reading | None:
    """Two columns of lists, or of words with spaces between them, of the same length in each row."""
    free = _free(fields, fixed)
    roles = _given(fixed)
    tokens = _chosen(fields, fixed, "tokens") or _named(free, names.TOKENS)
    tags = _chosen(fields, fixed, "tags") or _named(free, names.TAGS)
    pairs = [(one, other) for one in tokens for other in tags if one is not other and _in_step(one, other)]
    if not pairs:
        return None
    found = {"tokens": pairs[0][0], "tags": pairs[0][1]}
    guessed = {name: Role(one.column, "its name", len(pairs) == 1) for name, one in found.items()}
    return Reading("tagging", "a list of tokens and one of tags a row", guessed | roles)


def _chosen(fields: Sequence[Field], fixed: Fixed, name: str) -> list[Field]:
    return [one for one in fields if name in fixed and one.column == fixed[name]]


def _in_step(tokens: Field, tags: Field) -> bool:
    """Whether the rows of two columns have as many parts each, and some more than one."""
    lengths = [
        [len(value) if isinstance(value, list) else len(str(value).split()) for value in one.values]
        for one in (tokens, tags)
    ]
    return lengths[0] == lengths[1] and max(lengths[0]) > 1


def _multiple_choice(fields: Sequence[Field], fixed: Fixed) -> Reading | None:
    """Choices in one list or in numbered columns, the right one, and what they are for."""
    choices = _given(fixed).get("choices") or _choices(_free(fields, fixed))
    if choices is None:
        return None
    parts = set(choices.column if isinstance(choices.column, tuple) else (choices.column,))
    rest = [one for one in _free(fields, fixed) if one.column not in parts and not one.is_list]
    roles = {"text": _stem(rest), "choices": choices, "label": _answer(rest)} | _given(fixed)
    found = {name: role for name, role in roles.items() if role is not None}
    if not {"text", "label"} <= set(found):
        return None
    base = _label_base(_field_of(fields, found["label"]), len(parts) if len(parts) > 1 else 0)
    return Reading("multiple-choice", "several choices a row", found, base)


def _sentence_retrieval(fields: Sequence[Field], fixed: Fixed) -> Reading | None:
    """A sentence and its English, without labels."""
    texts = [one for one in _free(fields, fixed) if one.is_wordy and not _is_id(one)]
    roles = _given(fixed)
    target = _named(texts, names.TARGETS)
    if "target" not in roles and target:
        roles["target"] = Role(target[0].column, "its name")
    left = [one for one in texts if one.column not in {role.column for role in roles.values()}]
    if "text" not in roles and left:
        named = _named(left, names.TEXTS)
        roles["text"] = Role((named or left)[0].column, "its name" if named else "the first text")
    if "target" not in roles and len(left) == 2:
        roles["target"] = Role(left[1].column, "the second text", sure=False)
    complete = {"text", "target"} <= set(roles)
    return Reading("sentence-retrieval", "two texts a row and no label", roles) if complete else None


def _named_retrieval(fields: Sequence[Field], fixed: Fixed) -> Reading | None:
    """Retrieval only where a column of texts is called target, translation or English."""
    texts = [one for one in fields if one.is_wordy and not one.repeats]
    named = "target" in fixed or _named(texts, names.TARGETS)
    return _sentence_retrieval(fields, fixed) if named and not _label(_free(fields, fixed)) else None


def _classification(fields: Sequence[Field], fixed: Fixed) -> Reading | None:
    """A label, and one text or two."""
    roles: dict[str, Role] = _given(fixed)
    label = roles.get("label") or _label(_free(fields, fixed))
    if label is None:
        return None
    rest = [one for one in _free(fields, fixed) if one.column != label.column]
    texts = [one for one in rest if not _is_id(one) and not one.is_list and one.cells]
    if "text" not in roles:
        roles = _texts(texts, "text_pair" not in roles) | roles
    roles["label"] = label
    if "text" not in roles:
        return None
    pair = "text_pair" in roles
    why = "two texts and a label" if pair else "a text and a label"
    order = ("id", "source", "text", "text_pair", "label")
    return Reading("classification", why, {name: roles[name] for name in order if name in roles})


def _answer_retrieval(fields: Sequence[Field], fixed: Fixed) -> Reading | None:
    """A question and the text that answers it, both by name, and if there is one the text it stands in."""
    roles = _given(fixed)
    texts = [one for one in _free(fields, fixed) if one.is_wordy and not one.is_list]
    for name, known in (("text", names.QUESTIONS), ("answer", names.REPLIES), ("context", names.CONTEXTS)):
        named = [one for one in _named(texts, known) if not one.repeats]
        if name not in roles and named:
            others = [str(one.column) for one in named[1:]]
            roles[name] = Role(named[0].column, f"its name{_or(others)}", not others)
    complete = {"text", "answer"} <= set(roles)
    return Reading("answer-retrieval", "a question and its answer in words", roles) if complete else None


FINDERS: Mapping[str, Finder] = MappingProxyType(
    {
        "tagging": _tagging,
        "multiple-choice": _multiple_choice,
        "sentence-retrieval": _named_retrieval,
        "classification": _classification,
        "answer-retrieval": _answer_retrieval,
    }
)
"""By type, in the order in which they are tried: what has more structure comes first, what has no label last."""

_UNTRAINED: Mapping[str, Finder] = MappingProxyType(
    {"answer-retrieval": _answer_retrieval, "sentence-retrieval": _sentence_retrieval}
)


def _none(fields: Sequence[Field], fixed: Fixed) -> Reading | None:
    """For types whose columns are not guessed."""
    return None


def _given(fixed: Fixed) -> dict[str, Role]:
    return {name: Role(column, "as you say") for name, column in fixed.items()}


def _free(fields: Sequence[Field], fixed: Fixed) -> list[Field]:
    """The columns that the user has given no role."""
    taken = {
        part for column in fixed.values() for part in (column if isinstance(column, tuple) else (column,))
    }
    return [one for one in fields if one.column not in taken]


def _named(fields: Sequence[Field], known: Sequence[str]) -> list[Field]:
    """The columns with one of these names, in the names' order."""
    found = [one for one in fields if one.name in known]
    return sorted(found, key=lambda one: known.index(one.name))


def _field_of(fields: Sequence[Field], role: Role) -> Field | None:
    return next((one for one in fields if one.column == role.column), None)


def _is_id(field: Field) -> bool:
    """A running number or a code of its own in each row."""
    if field.name in names.IDS:
        return not field.is_wordy
    unique = len(field.distinct) == len(field.cells) and len(field.cells) > 1
    coded = not any(" " in cell for cell in field.cells) and all(
        any(map(str.isdigit, c)) for c in field.cells
    )
    return field.is_numeric or (unique and coded)


def _label(fields: Sequence[Field]) -> Role | None:
    """The column of labels: by name, else the last of those whose few values come again."""
    scalar = [one for one in fields if not one.is_list and one.cells]
    named = [one for one in _named(scalar, names.LABELS) if one.length <= 60 and not _is_prose(one)]
    if named:
        rivals = [str(one.column) for one in named[1:] if one.repeats]
        why = f"its name{_or(rivals)}"
        return Role(named[0].column, why, not rivals)
    repeating = [one for one in scalar if one.repeats and one.name not in names.IDS]
    if not repeating:
        return None
    ends = [one for one in (fields[-1], fields[0]) if one in repeating]  # where labels usually stand
    chosen = (ends or repeating[-1:])[0]
    others = [str(one.column) for one in repeating if one is not chosen]
    why = f"{len(chosen.distinct)} values that recur{_or(others)}"
    return Role(chosen.column, why, len(repeating) == 1)


def _or(others: Sequence[str]) -> str:
    """What else it may be, for a reason."""
    return f"; or {', '.join(others)}" if others else ""


def _is_prose(field: Field) -> bool:
    """Every row another text of several words: a column called answer or target that holds no label."""
    return field.is_wordy and len(field.cells) > 4 and len(field.distinct) > 0.9 * len(field.cells)


def _texts(fields: Sequence[Field], pairs: bool) -> dict[str, Role]:
    """One text or two: by the names of pairs, by the name of one, else the columns that read like text."""
    by_name = {one.name: one for one in fields if one.name}
    for first, second in names.PAIRS if pairs else ():
        if {first, second} <= set(by_name):
            why = "the names of a pair"
            return {"text": Role(by_name[first].column, why), "text_pair": Role(by_name[second].column, why)}
    wordy = [one for one in fields if one.is_wordy]
    named = [one for one in _named(fields, names.TEXTS) if one.is_wordy or not wordy]
    if named:
        others = [str(one.column) for one in wordy if one is not named[0]]
        why = f"its name; {', '.join(others)} is left out" if others else "its name"
        return {"text": Role(named[0].column, why, not others)}
    if len(wordy) == 2 and pairs:
        return {
            "text": Role(wordy[0].column, "first of two texts"),
            "text_pair": Role(wordy[1].column, "second of two texts", _alike(*wordy)),
        }
    if wordy:
        longest = max(wordy, key=lambda one: one.length)
        return {"text": Role(longest.column, "the longest text", len(wordy) == 1)}
    return {"text": Role(fields[0].column, "the column that is left")} if len(fields) == 1 else {}


def _alike(one: Field, other: Field) -> bool:
    """Whether two columns hold texts of about the same kind."""
    return max(one.length, other.length) <= 8 * min(one.length, other.length)


def _choices(fields: Sequence[Field]) -> Role | None:
    """All choices in one list, or one choice a column, numbered."""
    listed = [one for one in fields if one.is_list and _is_choices(one)]
    if listed:
        best = max(listed, key=lambda one: (one.name == "text", sum(len(str(value)) for value in one.values)))
        return Role(best.column, "a column of lists")
    series: dict[str, list[Field]] = {}
    for one in fields:
        found = names.numbered(one.column) if isinstance(one.column, str) else None
        if found and not one.is_list:
            series.setdefault(found[0], []).append(one)
    best_series = max(series.values(), key=len, default=[])
    if len(best_series) < 2:
        return None
    columns = tuple(one.column for one in best_series)
    return Role(columns, "numbered columns")


def _is_choices(field: Field) -> bool:
    parts = [names.plain_name(part).rstrip("s") for part in str(field.column).split(".")]
    return any(part in names.CHOICES for part in parts)


def _stem(fields: Sequence[Field]) -> Role | None:
    """What the choices are for: the columns with the names of contexts and questions, joined."""
    named = [one for one in _named(fields, names.STEMS) if not one.is_numeric]
    if named:
        columns = tuple(one.column for one in named)
        joined = "their names; joined by a space" if len(columns) > 1 else "its name"
        return Role(columns if len(columns) > 1 else columns[0], joined)
    wordy = [one for one in fields if one.is_wordy and not _is_id(one)]
    if not wordy:
        return None
    return Role(max(wordy, key=lambda one: one.length).column, "the longest text", len(wordy) == 1)


def _answer(fields: Sequence[Field]) -> Role | None:
    named = _named(fields, names.ANSWERS)
    if named:
        return Role(named[0].column, "its name")
    short = [one for one in fields if one.repeats and one.length <= 2]
    return Role(short[-1].column, "short values that recur", len(short) == 1) if short else None


def _label_base(label: Field | None, choices: int) -> dict[str, tuple[Any, str]]:
    """Whether the first choice is number 1: no answer is 0, and one is the number of choices."""
    if label is None or not label.cells or not all(cell.isdecimal() for cell in label.cells):
        return {}
    numbers = {int(cell) for cell in label.cells}
    if 0 in numbers or (choices and max(numbers) != choices):
        return {}
    return {"label_base": (1, f"answers are numbered {min(numbers)} to {max(numbers)}")}
