from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import RecipeError
from xstilts.recipe import Recipe, load_recipe, parse_recipe

BASE = "encoder: x\narms: {none: {}, a: {tasks: [pocket/replies]}}\ntargets: [pocket/intents]\n"


def parse(text: str = "", *overrides: str) -> Recipe:
    return parse_recipe(BASE + text, "r.yaml", overrides)


def message(text: str, *overrides: str, whole: bool = False) -> str:
    """What a bad recipe is answered with: always a RecipeError, in words of ours."""
    with pytest.raises(RecipeError) as error:
        parse_recipe(text if whole else BASE + text, "r.yaml", overrides)
    answer = str(error.value)
    assert error.value.exit_code == 2
    assert "r.yaml" in answer or "--set" in answer
    for word in ("pydantic", "Traceback", "Input should", "tuple", "validation error", "literal["):
        assert word not in answer
    return answer


# --- what one may write


def test_one_value_stands_for_a_list_of_one() -> None:
    recipe = parse_recipe(
        "{encoder: x, arms: {none: {}, a: {tasks: q/r}}, targets: s/t, conditions: clean, languages: de}"
    )
    assert recipe.targets == ("s/t",) and recipe.arms["a"].tasks == ("q/r",)
    assert recipe.conditions == ("clean",) and recipe.languages == ("de",)
    assert parse("languages: all\n").languages == "all"


def test_an_arm_with_nothing_behind_it_is_empty() -> None:
    recipe = parse_recipe("encoder: x\narms:\n  none:\n  a: {tasks: [q]}\ntargets: [q]\n")
    assert recipe.arms["none"].tasks == ()


def test_no_is_norwegian() -> None:
    assert parse("languages: [no, de, on, yes]\n").languages == ("no", "de", "on", "yes")


@pytest.mark.parametrize(("text", "value"), [("1e-5", 1e-5), ("1.0e-5", 1e-5), ("2E-4", 2e-4), (".5", 0.5)])
def test_numbers_with_an_exponent(text: str, value: float) -> None:
    recipe = parse(f"training: {{target: {{learning_rate: {text}}}}}\n")
    assert recipe.training.target.learning_rate == (value,)


@given(st.floats(1e-12, 1e6), st.integers(0, 10**9))
def test_numbers_keep_their_value_and_kind(rate: float, seed: int) -> None:
    recipe = parse(f"seeds: [{seed}]\ntraining: {{target: {{learning_rate: [{rate!r}, 1]}}}}\n")
    assert recipe.training.target.learning_rate == (rate, 1.0)
    assert recipe.seeds == (seed,)


def test_settings_of_task_and_arm_go_before_the_phase() -> None:
    recipe = parse_recipe(
        """
        encoder: x
        arms: {none: {}, a: {tasks: [q/r], training: {epochs: 7}}}
        targets: [s/t]
        training:
          intermediate: {epochs: 1, batch_size: 4}
          per_task: {q/r: {epochs: 5, batch_size: 9}, s/t: {max_length: 77}}
        """
    )
    phase = recipe.phase("intermediate", "q/r", "a")
    assert (phase.epochs, phase.batch_size) == (7, 9)
    assert recipe.phase("target", "s/t").max_length == 77
    assert recipe.phase("target", "other").max_length == 128


def test_a_recipe_survives_yaml() -> None:
    text = (
        "languages: [no, sw]\nconditions: [clean, typos@2]\nnotes: 'ünï: code'\n"
        "tasks: {my/t: {type: classification, files: '{split}-{language}.tsv', labels: ['1', '2']}}\n"
    )
    recipe = parse(text)
    assert parse_recipe(recipe.to_yaml()) == recipe
    plain = yaml.safe_load(recipe.to_yaml())  # other readers of YAML see the same languages
    assert plain["languages"] == ["no", "sw"]


# --- overrides


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.target.epochs=5", lambda r: r.training.target.epochs == 5),
        ("seeds=[4, 5]", lambda r: r.seeds == (4, 5)),
        ("encoder=a/b=c", lambda r: r.encoder == "a/b=c"),
        ("training.per_task.pocket/intents.learning_rate=1e-3",
         lambda r: r.phase("target", "pocket/intents").learning_rate == (1e-3,)),
        ("arms.b.tasks=[pocket/replies]", lambda r: r.arms["b"].tasks == ("pocket/replies",)),
        ("languages=no", lambda r: r.languages == ("no",)),
        ("limit=", lambda r: r.limit is None),
    ],
)  # fmt: skip
def test_overrides(override: str, expected: Any) -> None:
    assert expected(parse("limit: 3\n", override))


def test_the_last_override_wins() -> None:
    assert parse("", "limit=3", "limit=4").limit == 4


def test_an_override_changes_one_place_of_an_anchor() -> None:
    text = "training: {intermediate: &phase {epochs: 1}, target: *phase}\n"
    recipe = parse(text, "training.intermediate.epochs=2")
    assert (recipe.training.intermediate.epochs, recipe.training.target.epochs) == (2, 1)
    assert "stands inside itself" in message("tasks: &a {b: *a}\n")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.target.epochs", "expected key=value, such as training.target.epochs=5"),
        ("=5", "expected key=value"),
        ("encoder.name=5", "'encoder' holds a value, not further keys"),
        ("seeds=[1,", "is not a YAML value"),
        ("trainin.target.epochs=5", "trainin: unknown key. Did you mean 'training'?"),
        ("training.target.epochs=many", "training.target.epochs: expected a valid number, got 'many'"),
    ],
)
def test_bad_overrides(override: str, words: str) -> None:
    assert words in message("", override)


# --- what is told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("encodr: y", "encodr: unknown key. Did you mean 'encoder'?"),
        ("zzz: y", "zzz: unknown key. Known keys: arms, conditions,"),
        ("training: {target: {learning_rat: 1}}", "learning_rat: unknown key. Did you mean 'learning_rate'?"),
        ("training: {per_task: {q/r: {epoch: 1}}}", "q/r.epoch: unknown key. Did you mean 'epochs'?"),
        ("controls: {kind: [longer]}", "controls.kind: unknown key. Did you mean 'kinds'?"),
        ("tasks: {my/a: {type: tagging, files: x, colums: {}}}", "my/a.colums: unknown key. Did you mean 'columns'?"),
        ("tasks: {my/a: {type: taging, files: x}}", "unknown task type 'taging'. Did you mean 'tagging'?"),
        ("tasks: {my/a: {files: x}}", "tasks.my/a.type: this key is needed"),
        ("tasks: {my/a: {type: tagging, files: x, languages: [klingonian]}}", "'klingonian' is not a"),
        ("seeds: [0, 1, 0]", "seeds: [0, 1, 0] holds a value twice"),
        ("conditions: [clean, clean]", "conditions: ['clean', 'clean'] holds a value twice"),
        ("seeds: 3", "seeds: expected a list, such as [a, b], got 3"),
        ("seeds: []", "seeds: expected at least one value, got []"),
        ("seeds: [-1]", "seeds.0: expected a number greater than or equal to 0, got -1"),
        ("seeds: [a]", "seeds.0: expected a valid integer, got 'a'"),
        ("languages: 5", "languages: expected 'all' or a list, such as [a, b], got 5"),
        ("languages: []", "languages: expected 'all' or at least one value, got []"),
        ("languages: [1]", "languages.0: expected text, got 1"),
        ("training: 5", "training: expected a mapping of keys to values, got 5"),
        ("training: {target: {epochs: 0}}", "training.target.epochs: expected a number greater than 0, got 0"),
        ("training: {target: {learning_rate: fast}}", "learning_rate.0: expected a valid number, got 'fast'"),
        ("training: {target: {learning_rate: []}}", "learning_rate: expected at least one value"),
        ("training: {precision: fp16}", "training.precision: expected 'auto', 'fp32' or 'bf16', got 'fp16'"),
        ("retrieval: {layer: first}", "retrieval.layer: expected 'sweep' or a valid integer, got 'first'"),
        ("retrieval: {prefix: {docs: x}}", "retrieval.prefix.docs: unknown key. Known keys: document, query"),
        ("selection: best", "selection: expected 'english-dev', 'last', 'average' or 'target-dev', got 'best'"),
        ("keep: some", "keep: expected 'none', 'best' or 'all', got 'some'"),
        ("controls: {kinds: [long]}", "controls.kinds.0: expected 'longer' or 'shuffled', got 'long'"),
        ("limit: 0", "limit: expected a number greater than or equal to 1, got 0"),
        ("notes: [1]", "notes: expected text, got [1]"),
        ("1: 2", "1: expected text as a key, got 1"),
        ("encoder: z", "the key 'encoder' stands there twice"),
        ("notes: [", "is not YAML"),
        ("notes: !!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)  # fmt: skip
def test_bad_recipes(text: str, words: str) -> None:
    assert words in message(text + "\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a mapping with encoder, arms and targets, got nothing"),
        ("- a", "expected a mapping with encoder, arms and targets, got a list"),
        ("encoder: x", "arms: this key is needed"),
        ("{encoder: x, arms: [none], targets: [q]}", "arms: expected a mapping of keys to values, got ['none']"),
        ("{encoder: x, arms: {a: {tasks: [q]}}, targets: [q]}", "Add the line `none: {}` under arms"),
        ("{encoder: x, arms: {none: {tasks: [q]}}, targets: [q]}", "the baseline takes no tasks"),
        ("{encoder: x, arms: {none: {}, a: {}}, targets: [q]}", "`xstilts ls tasks` lists them"),
        ("{encoder: x, arms: {none: {}, a~b: {tasks: [q]}}, targets: [q]}", "hold neither '~'"),
        ("{encoder: x, arms: {none: {}}, targets: []}", "targets: expected at least one value"),
        ("{encoder: x, arms: {none: {}, a: {tasks: [q], trainin: {}}}, targets: [q]}", "Did you mean 'training'?"),
        ("{encoder: x, arms: {none: {}, none: {}}, targets: [q]}", "the key 'none' stands there twice"),
    ],
)  # fmt: skip
def test_bad_whole_recipes(text: str, words: str) -> None:
    assert words in message(text, whole=True)


def test_all_problems_are_told_at_once() -> None:
    told = message("seeds: [a]\nkeep: some\nencodr: y\n")
    assert len(told.splitlines()) == 4


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-1, 1) | st.text("ab:/~@", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("ab/", max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.sampled_from(sorted(Recipe.model_fields)), JSON)
def test_any_value_anywhere_is_taken_or_told(key: str, value: Any) -> None:
    values = yaml.safe_load(BASE) | {key: value}
    try:
        parse_recipe(yaml.safe_dump(values), "r.yaml")
    except RecipeError as error:
        assert str(error).startswith("r.yaml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no recipe .*xstilts init"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(RecipeError, match=r"is a folder\. Expected a recipe, a YAML file"):
        load_recipe(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"notes: \xe9\n")
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        load_recipe(tmp_path / "latin.yaml")
