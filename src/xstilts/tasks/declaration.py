"""What recipes say under `tasks:`: a task from one's own files, declared without code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from xstilts.errors import UnknownName, UserError
from xstilts.languages import normalise
from xstilts.tasks import readers
from xstilts.tasks.base import FEW_SHOT, SPLITS, TRANSLATED
from xstilts.tasks.columns import Column, column_parts, columns_in
from xstilts.tasks.readers import FORMATS, ReadOptions, Record
from xstilts.tasks.reading import check_sides
from xstilts.tasks.rows import SHAPES

ROLES = ("text", "target", "gold")
"""Line files that belong together: the two sides of a bitext, and which of their sentences are a pair."""

_FORMAT_COLUMNS = {"conllu": {"tokens": "form", "tags": "upos"}}


class UserTask(BaseModel):
    """A task of one's own, as a recipe declares it: files, their columns, and what they mean.

    Example:
        >>> UserTask(type="classification", files="{split}-{language}.tsv").patterns("dev")
        {'': 'dev-{language}.tsv'}
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    type: str = Field(description="one of " + ", ".join(SHAPES))
    files: str | dict[str, str | dict[str, str]] = Field(
        description="paths from the recipe's folder: a pattern with {split} and {language}, * and ?; "
        "or a pattern for each split; or, for aligned line files, {text: …, target: …}, with `gold` for mining"
    )
    columns: dict[str, int | str | tuple[int | str, ...]] = Field(
        default={}, description="canonical column: the file's column, by name, dotted path or position from 0"
    )
    languages: tuple[str, ...] | None = Field(None, description="of the test files; default: those found")
    labels: tuple[str, ...] | None = Field(
        None, description="all labels or tags; default: the training file's"
    )
    parallel: bool = Field(False, description="rows of one id are translations of each other")
    metrics: tuple[str, ...] = Field((), description="default: those of the task type")
    format: str | None = Field(
        None, description="tsv, csv, jsonl, parquet, conllu, token-tag, squad; default: by suffix"
    )
    quoting: Literal["none", "csv"] | None = Field(None, description="none for TSV, csv (RFC 4180) for CSV")
    header: bool | None = Field(
        None, description="first line names columns; default: unless all are positions"
    )
    language_prefix: bool = Field(False, description="tokens are written en:token, as in the original PAN-X")
    language_column: str | None = Field(
        None, description="column with each row's language, where one file holds several; declare `languages`"
    )
    repeated_ids: bool = Field(False, description="ids mean nothing and may repeat, as TyDiQA's do")
    label_base: Literal[0, 1] = Field(0, description="number of the first choice, where labels are numbers")
    dev_from: Literal["train", "test"] = Field(
        "train", description="where dev rows are set aside from if no file"
    )
    images: str | None = Field(
        None,
        description="folder with the images that rows name, from the recipe's folder, for image-text tasks",
    )
    features: str | None = Field(
        None, description="file with features of these images (.npz, .h5), where there are no images"
    )
    train_language: str = Field("en", description="language of the files without {language}, and to train on")
    max_length: int | None = Field(
        None, ge=8, description="tokens an input; default: the training's, 384 for span-qa"
    )
    options: dict[str, Any] = Field({}, description="of the task type, see [below](#options-of-a-task)")
    summary: str = Field("", description="one line about the task")
    licence: str = ""
    url: str = ""
    notes: str = ""

    @property
    def by_language(self) -> bool:
        """Whether a file's columns hold texts of several languages, so that one file serves them all."""
        return any("{language}" in str(part) for part in column_parts(self.columns))

    def in_language(self, language: str) -> UserTask:
        """The same for one language: `{language}` in columns becomes its code, as it was typed."""
        if not self.by_language:
            return self
        typed = (*(self.languages or ()), self.train_language)
        code = next((one for one in typed if normalise(one) == language), language)
        return self.model_copy(update={"columns": columns_in(self.columns, code)})

    @property
    def read_options(self) -> ReadOptions:
        """How its files are read. A header is expected unless all columns are given by position."""
        named = not self.columns or any(isinstance(part, str) for part in column_parts(self.columns))
        return ReadOptions(named if self.header is None else self.header, self.quoting, self.language_prefix)

    def format_of(self, path: Path) -> str:
        """The format of one of its files: as declared, else by suffix; a tagged `.tsv` is token⇥tag."""
        if self.format:
            return self.format
        if self.type == "span-qa" and path.name.lower().endswith((".json", ".json.gz")):
            return "squad"
        format = readers.guess_format(path)
        named = any(isinstance(part, str) for part in column_parts(self.columns))
        return "token-tag" if format == "tsv" and self.type == "tagging" and not named else format

    def columns_of(self, path: Path, record: Record) -> dict[str, Column]:
        """Where the canonical columns are; `text_pair` is used also if `columns` does not name it."""
        shape = SHAPES[self.type]
        usual = _FORMAT_COLUMNS.get(self.format_of(path), {})
        implied = (*shape.required, *(name for name in shape.optional if name in record))
        return {name: usual.get(name, name) for name in implied} | dict(self.columns)

    @property
    def task_options(self) -> dict[str, Any]:
        """What it sets of its type's options, and the tokens of an input where the training's do not hold."""
        length = self.max_length or SHAPES[self.type].max_length
        return ({"max_length": length} if length else {}) | self.options

    @field_validator("type", "format")
    @classmethod
    def _is_known(cls, value: str | None, info: ValidationInfo) -> str | None:
        formats = tuple(name for name in FORMATS if name != "lines")  # which text and target imply
        kind, known = ("task type", tuple(SHAPES)) if info.field_name == "type" else ("format", formats)
        if value is not None and value not in known:
            raise ValueError(str(UnknownName(kind, value, known)))
        return value

    @field_validator("train_language", "languages")
    @classmethod
    def _known_languages(cls, value: Any) -> Any:
        try:
            for code in (value,) if isinstance(value, str) else value or ():
                normalise(code)
        except UserError as error:
            raise ValueError(str(error)) from None
        return value

    @model_validator(mode="after")
    def _has_what_columns_need(self) -> UserTask:
        if self.by_language and not self.languages:
            raise ValueError("columns: say which {language} may be, such as `languages: [en, de, sw]`")
        if (self.images or self.features) and "image" not in SHAPES[self.type].required:
            raise ValueError(f"images, features: {self.type} has no images. Leave them out")
        return self

    @model_validator(mode="after")
    def _is_consistent(self) -> UserTask:
        shape = SHAPES[self.type]
        if self.language_column and not self.languages:
            raise ValueError("language_column: say which rows are wanted, such as `languages: [en, de, sw]`")
        for name in self.columns:
            if name not in shape.columns:
                raise ValueError(f"columns: {UnknownName(f'column of {self.type}', name, shape.columns)}")
        shape.check_options(self.options)
        if self.labels is not None and not shape.has_labels:
            raise ValueError(f"labels: {self.type} has none. Leave the line out")
        if self.labels is not None and len(set(self.labels)) < 2:
            raise ValueError(f"labels: expected two or more, got {', '.join(self.labels) or 'none'}")
        for split in (*SPLITS, *self.named_splits):
            check_sides(self.type, tuple(self.patterns(split)))
            for role, pattern in self.patterns(split).items():
                readers.check_pattern(pattern, wildcards=not role)
        if isinstance(self.files, dict) and not any(self.patterns(split) for split in SPLITS):
            raise ValueError(
                f"files: expected the keys train, dev, test or text, target; got {', '.join(self.files)}"
            )
        return self

    @property
    def named_splits(self) -> tuple[str, ...]:
        """The splits that have a pattern of their own."""
        if not isinstance(self.files, dict):
            return ()
        further = (split for split in self.files if split.startswith(FEW_SHOT) or split == TRANSLATED)
        return (*(split for split in SPLITS if split in self.files), *further)

    def patterns(self, split: str) -> dict[str, str]:
        """Where the files of a split are, by role: `""`, or `text` and `target` for aligned line files.

        A pattern without `{split}` that is not given for a split is that of the test files.
        """
        if isinstance(self.files, dict) and not set(self.files) <= set(ROLES):
            entry: Any = self.files.get(split, {})
            served = True
        else:
            entry = self.files
            served = split == "test" or "{split}" in str(entry)
        roles = {"": entry} if isinstance(entry, str) else entry
        return {role: str(pattern).replace("{split}", split) for role, pattern in roles.items() if served}
