"""What was guessed, why, and what to type if it is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.initialising.contents import Contents
from xstilts.initialising.locating import Places
from xstilts.initialising.roles import Reading
from xstilts.initialising.sampling import Sample
from xstilts.languages import display_name
from xstilts.tasks.columns import Column

_SHOWN = 6
_SAID = "as you say"


@dataclass(frozen=True)
class Guess:
    """One guess: what of, which, why, what overrules it, and whether it was clear."""

    what: str
    value: str
    why: str
    change: str
    sure: bool = True


def of_files(places: Places, sample: Sample, reading: Reading, fixed: Mapping[str, Any]) -> list[Guess]:
    """Type, format and columns."""
    pair = " of pairs" if "text_pair" in reading.roles else ""
    why = _SAID if "type" in fixed else reading.why
    found = [Guess("type", f"{reading.type}{pair}", why, "--type TYPE", reading.sure)]
    if not places.is_aligned:
        found.append(Guess("format", sample.format, sample.format_why, "--set format=…"))
    if sample.quoting:
        quotes = {"csv": "cells in quotes", "none": "quotes are plain text"}[sample.quoting]
        why = _SAID if "quoting" in fixed else "only so are all lines of one width"
        found.append(Guess("quoting", quotes, why, f"--set quoting={_other_quoting(sample.quoting)}"))
    if sample.header is not None:
        there, other = ("line 1", "false") if sample.header.there else ("none", "true")
        header = sample.header
        found.append(Guess("header", there, header.why, f"--set header={other}", header.sure))
    for name, role in reading.roles.items():
        value = column_words(role.column)
        found.append(Guess(name, value, role.why, f"--set columns.{name}=…", role.sure))
    for key, (value, why) in reading.settings.items():
        found.append(Guess(key, str(value), why, f"--set {key}={1 - value}"))
    return found


def of_contents(
    contents: Contents, places: Places, spec: Mapping[str, Any], fixed: Mapping[str, Any]
) -> list[Guess]:
    """Ids, labels, languages, and how rows are divided."""
    found = []
    if spec.get("repeated_ids") and "repeated_ids" not in fixed:
        found.append(Guess("ids", "mean nothing", "some come twice", "--set repeated_ids=false"))
    own_id = spec.get("columns", {}).get("id")
    if own_id is not None and "id" not in fixed.get("columns", {}):
        found.append(Guess("id", str(own_id), "its name; no value comes twice", "--set columns.id=…"))
    if contents.labels:
        why = _SAID if "labels" in fixed else "of the training file"
        found.append(Guess("labels", _listed(contents.labels), why, "--set 'labels=[…]'"))
    tested = list(contents.counts["test"])
    why = _SAID if "languages" in fixed else "the test files' names"
    listed = _listed([f"{code} ({display_name(code)})" if len(tested) < 4 else code for code in tested], 12)
    found.append(Guess("languages", listed, why, "--set 'languages=[…]'"))
    if places.train_language != "en":
        name = display_name(places.train_language)
        found.append(Guess("trained in", name, "the training file's name", "--set train_language=en"))
    found.append(_dev(contents, spec))
    if contents.parallel is not None:
        value = bool(spec.get("parallel"))
        why = _SAID if "parallel" in fixed else contents.parallel_why
        other = f"--set parallel={str(not value).lower()}"
        found.append(Guess("translations", "yes" if value else "no", why, other))
    return found


def of_dev(spec: Mapping[str, Any]) -> list[Guess]:
    """Where dev rows come from, as long as nothing more is known of them."""
    set_aside = "dev" not in spec["files"]
    return (
        [Guess("dev", f"set aside from {spec.get('dev_from', 'train')}", "", "--dev FILE")]
        if set_aside
        else []
    )


def as_text(found: Sequence[Guess]) -> str:
    """The guesses as lines of text, to stand below an error."""
    widths = [max(len(row[place]) for row in map(_cells, found)) for place in range(3)]
    rows = [
        "  ".join(cell.ljust(width) for cell, width in zip(_cells(one), widths, strict=True)).rstrip()
        for one in found
    ]
    return "\n".join(
        [
            "The files were read like this. If a guess is wrong, add the option behind it:",
            *(f"  {row}" for row in rows),
        ]
    )


def _cells(guess: Guess) -> tuple[str, str, str]:
    return guess.what, guess.value, guess.change


def _dev(contents: Contents, spec: Mapping[str, Any]) -> Guess:
    """Where dev rows come from, and how many there are."""
    dev = sum(contents.counts["dev"].values())
    if "dev" in spec["files"]:
        return Guess("dev", f"{dev:,} rows", "the file you named", "--dev FILE")
    if spec.get("dev_from") == "test":
        total = dev + sum(contents.counts["test"].values())
        why = "a fifth, to choose the layer"
        return Guess("dev", f"{dev:,} of {total:,} test rows", why, "--dev FILE")
    total = dev + sum(contents.counts["train"].values())
    why = "about a tenth of the rows, at most 1,000"
    return Guess("dev", f"{dev:,} of {total:,} training rows", why, "--dev FILE")


def column_words(column: Column) -> str:
    """A column as messages name it."""
    parts = column if isinstance(column, tuple) else (column,)
    return " + ".join(str(part) if isinstance(part, str) else f"column {part}" for part in parts)


def _other_quoting(quoting: str) -> str:
    return "none" if quoting == "csv" else "csv"


def _listed(values: Sequence[str], at_most: int = _SHOWN) -> str:
    shown = ", ".join(values[:at_most])
    return f"{len(values)}: {shown}{' …' if len(values) > at_most else ''}"
