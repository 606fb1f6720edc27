from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tiny_world import Opener, tiny_recipe
from xstilts.errors import EncoderError, RecipeError, UserError
from xstilts.executors.local import answers, pending
from xstilts.experiment import Experiment, open_experiment
from xstilts.perturbations.lexicon import find_lexicon
from xstilts.plan import Plan
from xstilts.recipe import parse_recipe
from xstilts.store import Address
from xstilts.tasks.pictures import TaskImages

WIDE = ("targets=[my/mood, my/pairs]", "controls.of=odd", "conditions=[clean, typos@2]", "seeds=[0, 1]")


def keys(plan: Plan, *kinds: str) -> set[str]:
    return {stage.key for stage in plan.stages if not kinds or stage.kind in kinds}


def present(plan: Plan) -> set[Address]:
    """What a store holds once a plan was run and everything kept."""
    return {address for stage in plan.stages for address in (stage.address, stage.weights) if address}


def new_stages(before: Experiment, after: Experiment) -> Counter[str]:
    """Kinds of the stages that `after` must run in the store that `before` has filled."""
    return Counter(stage.kind for stage in pending(after.plan(), present(before.plan())).stages)


# --- what changes keys and what does not


@pytest.mark.parametrize(
    "override",
    [
        "training.micro_batch=2", "keep=none", "notes=other", "statistics.draws=500", "seeds=[1, 0]",
        "conditions=[typos@2, clean]", "targets=[my/pairs, my/mood]", "languages=[de, en]", "languages=[deu, en]",
        "training.target={max_length: 32, candidates: 2, batch_size: 8, learning_rate: 1e-3, epochs: 1}",
    ],
)  # fmt: skip
def test_what_changes_no_result_changes_no_key(tiny: Opener, override: str) -> None:
    assert keys(tiny(*WIDE, override).plan()) == keys(tiny(*WIDE).plan())


def test_a_prefix_is_in_the_keys_of_retrieval_alone(tiny: Opener) -> None:
    """Without one, stages have the keys that they had before there was such a setting."""
    assert not any("prefix" in stage.spec for stage in tiny(*WIDE).plan().stages)
    stages = tiny(*WIDE, "retrieval.prefix='query: '").plan().stages
    given = [stage for stage in stages if "prefix" in stage.spec]
    assert {(stage.kind, stage.spec["task"]["name"]) for stage in given} == {("predict", "my/pairs")}
    assert all(stage.spec["prefix"] == {"query": "query: ", "document": "query: "} for stage in given)


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("training.target.epochs=2", "train"),
        ("training.target.learning_rate=2e-3", "train"),
        ("training.target.head_learning_rate=2e-3", "train"),
        ("training.target.batch_size=4", "train"),
        ("training.target.warmup=0.2", "train"),
        ("training.target.dropout=0", "train"),
        ("training.target.weight_decay=0.1", "train"),
        ("training.target.max_length=16", "train"),
        ("training.target.examples=10", "train"),
        ("training.target.candidates=3", "train"),
        ("training.per_task.my/mood.epochs=2", "train"),
        ("training.intermediate.epochs=2", "train"),
        ("training.precision=bf16", "train"),
        ("training.threads=2", "train"),
        ("seeds=[7, 8]", "train"),
        ("arms.odd.training.epochs=3", "train"),
        ("selection=last", "select"),
        ("selection=average", "select"),
        ("selection=target-dev", "select"),
        ("retrieval.layer=1", "predict"),
        ("retrieval.pooling=cls", "predict"),
        ("retrieval.postprocess=[none]", "predict"),
        ("retrieval.prefix='query: '", "predict"),
        ("retrieval.prefix={document: 'passage: '}", "predict"),
        ("conditions=[clean, typos@3]", "predict"),
        ("limit=5", "prepare"),
        ("tasks.my/mood.labels=[good, bad]", "train"),
        ("tasks.my/mood.max_length=16", "train"),
        ("tasks.my/mood.metrics=[macro_f1]", "score"),
    ],
)
def test_what_can_change_a_result_changes_keys(tiny: Opener, override: str, changed: str) -> None:
    before, after = tiny(*WIDE).plan(), tiny(*WIDE, override).plan()
    assert keys(after, changed) != keys(before, changed)
    assert keys(after, "score") != keys(before, "score")


SHORT = {"intermediate": {"max_length": 32}, "target": {"max_length": 32}}


def test_a_default_written_out_is_the_default(tiny: Opener) -> None:
    recipe = tiny(training=SHORT).recipe
    written = tiny(training=recipe.model_dump(mode="json")["training"])
    assert keys(written.plan()) == keys(tiny(training=SHORT).plan())
    assert keys(tiny("training.target.epochs=3", training=SHORT).plan()) == keys(written.plan())


def test_the_encoder_enters_keys_by_content(tiny: Opener, tiny_encoder: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(tiny_encoder, copy)
    before = keys(tiny().plan(), "train")
    assert keys(tiny(encoder=str(copy)).plan(), "train") == before
    assert not keys(tiny(encoder=f"{copy}@1").plan(), "train") & before
    (copy / "tokenizer.json").write_text((copy / "tokenizer.json").read_text() + "\n")
    assert not keys(tiny(encoder=str(copy)).plan(), "train") & before


def test_data_enter_keys_by_content(
    tiny: Opener, tiny_data: Path, tmp_path: Path, tiny_encoder: Path
) -> None:
    import shutil

    copy = tmp_path / "data"
    shutil.copytree(tiny_data, copy)
    recipe = tiny().recipe

    def plan() -> Plan:
        return open_experiment(recipe, copy, tmp_path / "store").plan()

    before = plan()
    assert keys(before) == keys(tiny().plan())  # where files lie is irrelevant
    test = copy / "mood/test-de.tsv"
    test.write_text(test.read_text("utf-8").replace("suppe", "speise", 1), "utf-8")
    after = plan()
    assert keys(after, "train", "select") == keys(before, "train", "select")
    assert len(keys(after, "predict") - keys(before)) == len(recipe.arms)  # German alone
    train = copy / "mood/train-en.tsv"
    train.write_text(train.read_text("utf-8").replace("soup", "dish", 1), "utf-8")
    assert keys(plan(), "train") != keys(after, "train")


def test_keys_stay_from_version_to_version(tiny: Opener) -> None:
    """Keys are SHA-256 of canonical JSON alone: the same in another process."""
    import subprocess
    import sys

    recipe = tiny().recipe
    code = (
        "import sys; from pathlib import Path; from xstilts.recipe import parse_recipe;"
        "from xstilts.experiment import open_experiment;"
        "e = open_experiment(parse_recipe(sys.stdin.read()), Path(sys.argv[1]), sys.argv[2]);"
        "print(' '.join(sorted(s.key for s in e.plan().stages)))"
    )
    base = tiny().base
    arguments = [sys.executable, "-c", code, str(base), str(base / "no-store")]
    done = subprocess.run(arguments, input=recipe.to_yaml(), text=True, capture_output=True, check=True)
    assert done.stdout.split() == sorted(keys(tiny().plan()))


# --- one more of something


def test_nothing_is_pending_twice(tiny: Opener) -> None:
    assert new_stages(tiny(*WIDE), tiny(*WIDE)) == Counter()


def test_one_more_seed(tiny: Opener) -> None:
    more = new_stages(
        tiny("targets=[my/mood, my/pairs]"), tiny("targets=[my/mood, my/pairs]", "seeds=[0, 1]")
    )
    # intermediate, and my/mood of two arms; a retrieval baseline has no seeds: one sweep and one layer more
    assert more == Counter(train=3, select=3 + 1, predict=2 * 2 + 1 + 1, score=2 * 2 + 2)


def test_one_more_arm(tiny: Opener) -> None:
    arms: dict[str, Any] = {"none": {}, "odd": {"tasks": ["my/odd"]}}
    more = new_stages(tiny(arms={"none": {}}), tiny(arms=arms))
    assert more == Counter(prepare=2, train=2, select=2, predict=2, score=2)


def test_one_more_target_uses_the_same_intermediate(tiny: Opener) -> None:
    more = new_stages(tiny(), tiny("targets=[my/mood, my/odd]", "languages=[en, de]"))
    assert more == Counter(train=2, select=2, predict=2, score=2, prepare=1)
    plan = tiny("targets=[my/mood, my/odd]").plan()
    first = [stage for stage in plan.stages if stage.kind == "train" and "init" not in stage.parents]
    assert len(first) == 3  # the intermediate once, and the baseline's two targets
    assert len(plan.intermediates) == 1


def test_one_more_language_trains_nothing(tiny: Opener) -> None:
    more = new_stages(tiny(*WIDE), tiny(*WIDE, "languages=[en, de, fr]"))
    assert not more["train"]
    # the sweep over layers counts every dev language; without it only the new language's cells are new
    fixed = (*WIDE, "retrieval.layer=2")
    more = new_stages(tiny(*fixed), tiny(*fixed, "languages=[en, de, fr]"))
    trained, retrieved = 2 * 4 * 2, 2 * (1 + 2 * 2)  # conditions × arms and controls × seeds
    assert more == Counter(prepare=2, predict=trained + retrieved, score=trained + 2 * retrieved)


def test_one_more_condition_predicts_only(tiny: Opener) -> None:
    more = new_stages(tiny(), tiny("conditions=[clean, typos@2]"))
    assert more == Counter(predict=4, score=4)


def test_a_lexicon_enters_keys_by_content(
    tiny: Opener, tiny_encoder: Path, tiny_data: Path, tmp_path: Path
) -> None:
    """Of the languages that it is for; the built-in one of another language stays what it was."""
    recipe = tiny_recipe(tiny_encoder, "conditions=[code-switch]", "languages=[de, fr]")
    lexicon = tmp_path / "lexicons" / "de-en.tsv"
    lexicon.parent.mkdir()

    def keys_of(data: Path | None) -> dict[str, str]:
        plan = open_experiment(recipe, tiny_data, tmp_path / "store", data).plan()
        return {stage.label: stage.key for stage in plan.stages if stage.kind == "predict"}

    def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
        return {label.split()[-2] for label, key in after.items() if key != before[label]}

    built_in, empty = keys_of(None), keys_of(tmp_path)
    assert changed(built_in, empty) == set()
    lexicon.write_text("suppe\tsoup\n", "utf-8")
    find_lexicon.cache_clear()
    own = keys_of(tmp_path)
    assert changed(built_in, own) == {"de"}
    lexicon.write_text("suppe\tbroth\n", "utf-8")
    find_lexicon.cache_clear()
    assert changed(own, keys_of(tmp_path)) == {"de"}


def test_why_conditions_are_left_out(tiny: Opener) -> None:
    plan = tiny("conditions=[clean, code-switch, omission, width]", "languages=[de, en]").plan()
    assert {line for line in plan.skipped if line.startswith("my/mood: ")} == {
        "my/mood: code-switch@3 has nothing to change in en",
        "my/mood: omission:context@3 is for span-qa only, and left out in de, en",
        "my/mood: width@3 does not act on the script of de, en",
    }


def test_one_more_metric_scores_only(tiny: Opener) -> None:
    more = new_stages(tiny(), tiny("tasks.my/mood.metrics=[accuracy, macro_f1]"))
    assert more == Counter(score=4)


def test_another_rule_retrains_nothing(tiny: Opener) -> None:
    arms: dict[str, Any] = {"none": {}}
    more = new_stages(tiny(arms=arms), tiny("selection=last", arms=arms))
    assert more == Counter(select=1, predict=2, score=2)
    assert not new_stages(tiny(arms=arms), tiny("selection=target-dev", arms=arms))["train"]


def test_one_more_learning_rate_trains_that_rate(tiny: Opener) -> None:
    arms: dict[str, Any] = {"none": {}}
    more = new_stages(tiny(arms=arms), tiny("training.target.learning_rate=[1e-3, 1e-4]", arms=arms))
    assert more["train"] == 1


# --- pruned weights


def test_weights_are_made_again_only_if_they_are_read(tiny: Opener) -> None:
    plan = tiny().plan()
    facts = {stage.address for stage in plan.stages}
    assert not pending(plan, facts).stages
    wider = tiny("languages=[en, de, fr]").plan()
    again = Counter(stage.kind for stage in pending(wider, facts).stages)
    assert again == Counter(prepare=1, train=3, select=3, predict=2, score=2)
    intermediates = {stage.weights for stage in plan.intermediates.values() if stage.weights}
    again = Counter(stage.kind for stage in pending(wider, facts | intermediates).stages)
    assert again == Counter(prepare=1, train=2, select=2, predict=2, score=2)


def test_a_wanted_checkpoint_is_wanted_with_its_weights(tiny: Opener) -> None:
    plan = tiny().plan()
    facts = {stage.address for stage in plan.stages}
    wanted = plan.finals["none", "my/mood", 0]
    assert [stage.kind for stage in pending(plan, facts, [wanted]).stages] == ["train", "select"]
    assert wanted.weights is not None
    assert not pending(plan, facts | {wanted.weights}, [wanted]).stages


def test_the_answer_needs_no_weights(tiny: Opener) -> None:
    plan = tiny(*WIDE).plan()
    assert {stage.kind for stage in answers(plan)} == {"score", "predict", "select"}
    assert not pending(plan, {stage.address for stage in answers(plan)}).stages


def test_groups_are_in_an_order_that_works(tiny: Opener) -> None:
    plan = tiny(*WIDE).plan()
    work = pending(plan, set())
    done: set[str] = set()
    for group in work.groups:
        for stage in group:
            assert {parent.key for parents in stage.parents.values() for parent in parents} <= done
        done |= {stage.key for stage in group}
    assert done == keys(plan)


# --- controls


def test_controls_of_an_arm(tiny: Opener) -> None:
    plan = tiny("controls.of=odd").plan()
    assert [control.name for control in plan.controls] == ["odd~longer", "odd~shuffled"]
    longer, shuffled = (plan.finals[name, "my/mood", 0] for name in ("odd~longer", "odd~shuffled"))
    (train,) = longer.parents["train"]
    assert train.parents["longer"] == (plan.intermediates["odd", 0],)
    assert "init" not in train.parents
    (train,) = shuffled.parents["train"]
    (init,) = train.parents["init"]
    assert init.parents["train"][0].spec["shuffled"] is True
    assert train.spec.get("shuffled") is None  # the target's own labels stay


def test_controls_wait_for_the_best_of_several_arms(tiny: Opener) -> None:
    arms: dict[str, Any] = {"none": {}, "odd": {"tasks": ["my/odd"]}, "mood": {"tasks": ["my/mood"]}}
    several = tiny("controls.of=best", arms=arms)
    assert several.plan().controls == ()
    assert [control.of for control in several.plan("mood").controls] == ["mood", "mood"]
    assert [control.of for control in tiny("controls.of=best").plan().controls] == ["odd", "odd"]
    assert len(tiny("controls.of=all", arms=arms).plan().controls) == 4
    assert tiny("controls={of: all, kinds: [shuffled]}", arms=arms).plan().controls[0].name == "odd~shuffled"


def test_a_retrieval_target_has_no_longer_control(tiny: Opener) -> None:
    plan = tiny("targets=[my/pairs]", "controls.of=odd").plan()
    assert {cell.arm for cell in plan.cells} == {"none", "odd", "odd~shuffled"}
    assert any("odd~longer on my/pairs" in line for line in plan.skipped)


# --- what cannot be planned is told


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("targets=[my/mod]", "unknown task 'my/mod'. Did you mean 'my/mood'? See all: xstilts ls tasks"),
        ("arms.odd.tasks=[my/od]", "unknown task 'my/od'. Did you mean 'my/odd'?"),
        ("training.per_task.my/mod.epochs=3", "unknown task 'my/mod'. Did you mean 'my/mood'?"),
        ("controls.of=oddd", "'oddd' is no arm. Expected best, all, none, or one of: odd"),
        ("languages=[klingonian]", "'klingonian' is not a"),
        ("languages=[en, qx]", "'qx' is not a known language"),
        ("languages=[en, spanich]", "Did you mean 'es' (Spanish)?"),
        ("languages=[en, Spanish]", "Did you mean 'es' (Spanish)?"),
        ("languages=[sw]", "languages: no target has test data in 'sw'. It is there for de, en, fr"),
        (
            "languages=[en, frr]",
            "no target has test data in 'frr'. Did you mean 'fr'? It is there for de, en, fr",
        ),
        ("conditions=[clean, typo@2]", "Did you mean 'typos'?"),
        ("conditions=[typos@9]", "typos"),
        ("conditions=[typos:context@2]", "no such role. A classification task has text, text_pair"),
        ("conditions=[typos, typos@3]", "'typos' and 'typos@3' are the same condition"),
        ("tasks.my/mood.metrics=[acuracy]", "Did you mean 'accuracy'?"),
    ],
)
def test_bad_names(tiny: Opener, override: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        tiny(override).plan()
    assert words in str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "bundled/multilingual-e5-smal",
            "Did you mean 'bundled/multilingual-e5-small'? See all: xstilts ls encoders",
        ),
        ("bundled/multilingual-e5-small@99", "has 12 layers; expected @1 to @12"),
        ("bundled/multilingual-e5-small@0", "expected at least one layer"),
        ("no such/name at/all", "neither a folder nor a Hugging Face id"),
    ],
)
def test_bad_encoders(tiny: Opener, name: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        tiny(encoder=name)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("missing", "words"), [("config.json", "config.json"), ("model.safetensors", "no weights")]
)
def test_incomplete_encoder_folders(
    tiny: Opener, tiny_encoder: Path, tmp_path: Path, missing: str, words: str
) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(tiny_encoder, copy)
    (copy / missing).unlink()
    with pytest.raises(EncoderError, match=words):
        tiny(encoder=str(copy))


def test_a_task_without_training_data_cannot_be_trained(tiny: Opener) -> None:
    with pytest.raises(RecipeError, match="my/pairs has no train data in 'en'"):
        tiny(arms={"none": {}, "pairs": {"tasks": ["my/pairs"]}}).plan()


def test_languages_that_only_some_targets_lack_are_listed(tiny: Opener) -> None:
    plan = tiny("languages=[en, de]", "targets=[my/mood, my/pairs]").plan()
    assert "my/pairs: no test data in en" in plan.skipped
    assert {cell.language for cell in plan.cells if cell.target == "my/pairs"} == {"de"}


def test_one_language_typed_twice_counts_once(tiny: Opener) -> None:
    cells = tiny("languages=[de, deu, ger]").plan().cells
    assert len(cells) == len({(cell.arm, cell.language) for cell in cells}) == 2


def test_the_oracle_rule_works_for_english_intermediates(tiny: Opener) -> None:
    plan = tiny("selection=target-dev", "languages=[de, fr]").plan()
    (final, intermediate) = plan.finals["odd", "my/mood", 0], plan.intermediates["odd", 0]
    assert [stage.spec["language"] for stage in final.parents["dev"]] == ["de", "fr"]
    assert [stage.spec["language"] for stage in intermediate.parents["dev"]] == ["en"]


def test_specs_are_json(tiny: Opener) -> None:
    for stage in tiny(*WIDE).plan().stages:
        assert json.loads(json.dumps(stage.spec)) is not None


def test_an_arm_of_several_tasks(tiny: Opener) -> None:
    arms: dict[str, Any] = {"none": {}, "both": {"tasks": ["my/odd", "my/mood"]}}
    plan = tiny(arms=arms).plan()
    (train,) = plan.intermediates["both", 0].parents["train"]
    assert [stage.spec["task"]["name"] for stage in train.parents["train"]] == ["my/odd", "my/mood"]


def test_a_recipe_plans_the_same_after_a_round_trip(tiny: Opener) -> None:
    experiment = tiny(*WIDE)
    again = parse_recipe(experiment.recipe.to_yaml())
    assert again == experiment.recipe


def test_no_image_is_looked_for_where_no_target_has_any(
    tiny_encoder: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked(*_: object) -> None:
        raise AssertionError("a file was looked for")

    for name in ("of", "names", "given", "find", "fingerprint", "absent", "gaps"):
        monkeypatch.setattr(TaskImages, name, looked)
    monkeypatch.setattr(TaskImages, "folders", property(looked))
    recipe = tiny_recipe(tiny_encoder, *WIDE, "images.on_bad_item=skip")
    experiment = open_experiment(recipe, tiny_data, tmp_path / "store", data=tmp_path)
    assert experiment.plan().stages
    images = experiment.catalogue.get("captions/multi30k").images
    with pytest.raises(AssertionError, match="looked for"):
        images.given("en")
