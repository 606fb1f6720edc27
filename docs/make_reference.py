"""Writes docs/recipe.md from the models that read recipes, so that the two never differ.

`make reference` writes it; `make check` runs `python docs/make_reference.py --check`, which fails if it is stale.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xstilts.metrics import METRICS
from xstilts.recipe import Recipe
from xstilts.task_types import TASK_TYPES, TaskType
from xstilts.tasks.rows import SHAPES

PAGE = Path(__file__).with_name("recipe.md")
Schema = Mapping[str, Any]

SECTIONS = {
    "Arm": ("arms", "Under `arms`, by name. Names hold neither `~` nor `/`; `none: {}` is the baseline."),
    "Mixing": ("arms.NAME.mixing", ""),
    "Controls": ("controls", "Written `ARM~longer` and `ARM~shuffled` in all tables."),
    "Race": ("race", "With `strategy: race`; the rule is in [How it works](method.md#races)."),
    "Training": ("training", ""),
    "Phase": (
        "training.intermediate, training.target",
        "Defaults are those of `target`; `intermediate` has `epochs: 2` and `learning_rate: [1e-05]`.",
    ),
    "PhaseOverride": (
        "training.per_task.TASK, arms.NAME.training",
        "The same keys as a phase's; what is given replaces the phase's own, what is not stays.",
    ),
    "FewShot": (
        "training.few_shot",
        "The same keys as a phase's; what is not given is that of `target`, but for `epochs`: 20, as IGLUE's. "
        "`settings` says how many examples.",
    ),
    "Retrieval": ("retrieval", "Targets that are trained take nothing from here."),
    "Prefix": ("retrieval.prefix", 'One text stands for both: `prefix: "query: "`.'),
    "Images": (
        "images",
        "Where a target has images. They are put to the tower once, unless it is "
        "[tuned](image-text.md#tuning-the-image-tower); what is learned besides is a projection on either side, or for "
        "labels a fusion (see [image–text](image-text.md#labels-for-texts-about-images)), at `head_learning_rate`.",
    ),
    "Statistics": ("statistics", "The formulas are in [Statistics](statistics.md)."),
    "UserTask": (
        "tasks",
        "Tasks of your own, by name (`my/reviews`); then use the name under `targets` or in an arm.",
    ),
    "JoinedTask": ("tasks, two joined", "`my/xnli: {test: xtreme/xnli, train: my/nli}`."),
}
"""Where each model stands in a recipe, and what is to be known beside its keys."""

INTRO = """\
<!-- Written by docs/make_reference.py from the models in src/xstilts: change those, then `make reference`. -->

# Recipe reference

A recipe is a YAML file; `xstilts validate RECIPE` checks it, `xstilts plan RECIPE` shows what it needs. Paths are
relative to the recipe's folder. An unknown key is an error that names the nearest known one. `no` is Norwegian here,
not false, and `1e-5` is a number. Any key can be changed for one run: `--set training.target.epochs=5`.

```yaml
{example}```
"""

EXAMPLE = """\
encoder: bundled/multilingual-e5-small@6
arms:
  none: {}                                  # the baseline: straight to the targets
  definitions: {tasks: [pocket/definitions]}
  both: {tasks: [pocket/definitions, pocket/replies], mixing: {cap: 4096}}
targets: [pocket/intents, pocket/messages]
languages: [en, de, ru, ar, hi, zh]
conditions: [clean, typos@2]
seeds: [0, 1, 2]
training:
  intermediate: {epochs: 1, learning_rate: 2e-5, examples: 800}
  target: {epochs: 3, learning_rate: [1e-4, 2e-4], batch_size: 16}   # a list is a grid, resolved on dev
  per_task: {pocket/intents: {examples: 300}}
"""


def page() -> str:
    """The whole page as Markdown."""
    schema = Recipe.model_json_schema()
    parts = [INTRO.replace("{example}", EXAMPLE), "## The recipe\n", *_table(schema)]
    for name, (place, note) in SECTIONS.items():
        model = schema["$defs"][name]
        summary = str(model["description"]).split("\n\n", maxsplit=1)[0].replace("\n", " ")
        parts += [f"## `{place}`\n", f"{summary} {note}".strip() + "\n"]
        parts += _override_keys(model) if name in ("PhaseOverride", "FewShot") else _table(model)
    return "\n".join([*parts, *_columns(), *_metrics(), *_options()])


def _table(model: Schema) -> Iterator[str]:
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    needed = set(model.get("required", ()))
    for key, field in model["properties"].items():
        default = "**needed**" if key in needed else _default(field)
        cells = (f"`{key}`", _type(field), default, field.get("description", ""))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _override_keys(model: Schema) -> list[str]:
    return [", ".join(f"`{key}`" for key in model["properties"]) + "\n"]


def _type(field: Schema) -> str:
    """A JSON schema in words: `whole number ≥ 1`, `list of text`, ``one of `a`, `b` ``."""
    if options := field.get("anyOf", field.get("oneOf")):
        kinds = [_type(option) for option in options if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in field:
        place, _ = SECTIONS[field["$ref"].rsplit("/", 1)[1]]
        return f"[{place.split(',')[0]}](#{_anchor(place)})"
    if "enum" in field or "const" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        # What YAML gives as a list is a tuple inside; of fixed or of any length makes no difference here.
        return f"list of {_type(field['items'])}" if "items" in field else "list"
    if field.get("type") == "object":
        values = field.get("additionalProperties")
        return f"mapping to {_type(values)}" if isinstance(values, dict) else "mapping"
    return _scalar(field)


def _scalar(field: Schema) -> str:
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {field[key]}" for key, sign in signs.items() if key in field]
    return " ".join([words[field["type"]], *bounds])


def _default(field: Schema) -> str:
    default = field.get("default")
    if isinstance(default, dict) and default:
        return "as below"
    return "" if default in (None, "", [], {}) else f"`{json.dumps(default, ensure_ascii=False)}`"


def _anchor(heading: str) -> str:
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def _columns() -> Iterator[str]:
    yield "## Columns of a task's rows\n"
    yield (
        "Under `columns`, canonical column: the file's own (a name, a dotted path, a position from 0, or a list of "
        "these). Columns that have their canonical name in the file need not be listed. `id` and `source` may be "
        "given for any type; rows with one `source` are resampled together. A colon before a column: conditions act "
        "on it where they name it (`ocr:context@3`).\n"
    )
    yield "| type | needed | may be given | what conditions act on | metrics |\n|---|---|---|---|---|"
    for name, shape in SHAPES.items():
        if name not in TASK_TYPES:
            continue
        lists = (shape.required, shape.optional, _roles(TASK_TYPES[name]), TASK_TYPES[name].metrics)
        yield "| " + " | ".join([f"`{name}`", *(_names(names) for names in lists)]) + " |"
    yield ""


def _metrics() -> Iterator[str]:
    fitting = {name for task_type in TASK_TYPES.values() for name in task_type.metrics}
    chosen = (metric for metric in METRICS.values() if metric.name in fitting)
    names = ", ".join(f"`{metric.name}` ({metric.label})" for metric in chosen)
    yield f"Metrics that `metrics` may name: {names}.\n"


def _roles(task_type: TaskType) -> tuple[str, ...]:
    """Columns that conditions act on; those that they must name are written as they must: `:context`."""
    return (*task_type.texts, *(f":{name}" for name in task_type.further_texts), *task_type.pictures)


def _options() -> Iterator[str]:
    yield "## Options of a task\n"
    yield "Under `options` of a task of your own.\n"
    for name, shape in SHAPES.items():
        if shape.options is not None:
            yield f"For `{name}`:\n"
            yield from _table(shape.options.model_json_schema())


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> int:
    """Write the page, or with --check say whether it is up to date."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, "utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        return 0
    sys.stderr.write(f"{PAGE.name} is not what the models say. Write it anew: make reference\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
