"""Whether all files of a task have the layout of the first."""

from __future__ import annotations

from collections.abc import Mapping

from xstilts.errors import DataError
from xstilts.initialising.columns import same_columns
from xstilts.initialising.guesses import column_words
from xstilts.initialising.locating import Places
from xstilts.initialising.roles import Reading
from xstilts.initialising.sampling import Sample, take_sample
from xstilts.tasks.columns import Column, column_parts
from xstilts.wording import listed

_SHOWN = 8


def check_layout(places: Places, sample: Sample, reading: Reading, told: bool) -> None:
    """Every dev and test file must have the columns of the training file.

    Args:
        places: the files.
        sample: the one that guesses were made from.
        reading: what was guessed.
        told: the user says whether there is a header.

    Raises:
        DataError: a file has other columns; the message names both.
    """
    columns = {name: role.column for name, role in reading.roles.items()}
    keys = {"format": sample.format, "quoting": sample.quoting}
    header = sample.header and sample.header.there
    for path in places.files("dev") + places.files("test"):
        as_there = take_sample(path, {**keys, "header": header})
        guessed = as_there if told else take_sample(path, keys)
        narrow = sample.by_position and len(as_there.records[0]) != len(sample.records[0])
        clear = guessed.header is not None and guessed.header.sure
        other = clear and guessed.by_position != sample.by_position
        if narrow or other or not same_columns(as_there.records[0], columns):
            raise DataError(_unlike(guessed if other else as_there, sample, columns))


def _unlike(other: Sample, sample: Sample, columns: Mapping[str, Column]) -> str:
    needed = ", ".join(f"{name}: {column_words(column)}" for name, column in columns.items())
    return (
        f"{other.path}, line 1: other columns than {sample.path}. Here: {_shown(other)}. There: {_shown(sample)}. "
        f"Expected the same layout in all files ({needed}); test files need their labels too, to be scored."
        f"{_conversion(other, sample, columns)}"
    )


def _conversion(other: Sample, sample: Sample, columns: Mapping[str, Column]) -> str:
    """The command that takes the header and further columns away, where that may be all it needs."""
    if sample.format != "tsv" or sample.by_position or not other.by_position:
        return ""
    names = list(sample.records[0])
    cells = ", ".join(f"${names.index(str(part)) + 1}" for part in column_parts(columns) if part in names)
    name = sample.path.name
    program = f"awk -F'\\t' -v OFS='\\t' 'NR > 1 {{print {cells}}}' {name} > train-en.tsv"
    return f" To bring {name} into their layout: {program}"


def _shown(sample: Sample) -> str:
    columns = list(sample.records[0])
    if sample.by_position:
        return f"{len(columns)} columns without names"
    return f"columns {listed(columns, _SHOWN)}"
