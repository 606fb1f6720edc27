"""What a recipe may say, and what it says by default: frozen models."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from xstilts.recipe.dialect import RecipeDumper
from xstilts.recipe.settings import check_settings
from xstilts.tasks.base import ZERO_SHOT
from xstilts.tasks.declaration import UserTask

BASELINE = "none"
"""The arm without an intermediate task, which every gain is measured against."""


class _Model(BaseModel):
    # Defaults are validated: 3 left out and 3.0 written out must give the same key.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), validate_default=True
    )


def _as_tuple(value: Any) -> Any:
    """A single value stands for a list of one: `learning_rate: 2.0e-5`."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _as_names(value: Any) -> Any:
    """A single name stands for a list of one: `targets: pocket/intents`."""
    return (value,) if isinstance(value, str) else value


def _as_languages(value: Any) -> Any:
    return value if value == "all" else _as_names(value)


def _as_mapping(value: Any) -> Any:
    """Nothing behind a key stands for defaults: `none:` with no braces."""
    return {} if value is None else value


def _as_prefix(value: Any) -> Any:
    """A single text stands before queries and documents alike: `prefix: "query: "`."""
    return {"query": value, "document": value} if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_names)]
Languages = Annotated[
    Literal["all"] | Annotated[tuple[str, ...], Field(min_length=1)], BeforeValidator(_as_languages)
]
Rates = Annotated[tuple[Annotated[float, Field(gt=0)], ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class Phase(_Model):
    """How one phase (intermediate or target) is trained."""

    epochs: Annotated[float, Field(gt=0)] = Field(3, description="passes over the training set")
    learning_rate: Rates = Field((2.0e-5,), description="of the encoder; a list is a grid, resolved on dev")
    head_learning_rate: float | None = Field(
        None, gt=0, description="of the new head; default: the encoder's"
    )
    batch_size: int = Field(32, ge=1, description="examples an update")
    warmup: float = Field(0.1, ge=0, le=1, description="share of the updates in which the rate rises")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's; not on biases, norms and word embeddings")
    dropout: float | None = Field(
        None, ge=0, lt=1, description="default: the encoder's own; 0 helps small encoders on small data"
    )
    max_length: int = Field(
        128,
        ge=8,
        description="tokens an input, unless a task has its own (span-qa: 384); longer classification inputs are cut",
    )
    examples: int | None = Field(None, ge=1, description="use only so many training examples")
    candidates: int = Field(
        3, ge=1, description="checkpoints evenly spaced over the training, to select from"
    )


class PhaseOverride(_Model):
    """What differs from the phase's settings for one task or one arm."""

    epochs: float | None = Field(None, gt=0)
    learning_rate: Rates | None = None
    head_learning_rate: float | None = Field(None, gt=0)
    batch_size: int | None = Field(None, ge=1)
    warmup: float | None = Field(None, ge=0, le=1)
    weight_decay: float | None = Field(None, ge=0)
    dropout: float | None = Field(None, ge=0, lt=1)
    max_length: int | None = Field(None, ge=8)
    examples: int | None = Field(None, ge=1)
    candidates: int | None = Field(None, ge=1)

    def over(self, phase: Phase) -> Phase:
        """The phase with these settings in place of its own."""
        return phase.model_copy(update=self.model_dump(exclude_none=True))


class FewShot(PhaseOverride):
    """What differs from `target` where the training goes on with a few rows of a test language."""

    epochs: float | None = Field(
        20, gt=0, description="passes over the few rows; 20 are IGLUE's (volta, experiments/few_shot)"
    )

    @model_validator(mode="after")
    def _takes_all_rows(self) -> FewShot:
        if self.examples is not None:
            raise ValueError("examples: `settings` says how many, such as few-shot@10")
        return self


class Mixing(_Model):
    """How several intermediate tasks share the updates: in proportion to their size, up to a cap."""

    cap: int = Field(131_072, ge=1, description="examples a task counts for at most (Raffel et al. 2020)")


class Arm(_Model):
    """One way to prepare the encoder before the target task; no tasks = the baseline."""

    tasks: Names = Field((), description="intermediate tasks, trained together")
    mixing: Mixing = Field(Mixing(), description="how several tasks share the updates")
    training: PhaseOverride = Field(PhaseOverride(), description="differs from training.intermediate")


class Controls(_Model):
    """What tells the intermediate task's own effect from that of more, or any, training."""

    of: str = Field("best", description="best (on dev), all, none, or the name of an arm")
    kinds: tuple[Literal["longer", "shuffled"], ...] = Field(
        ("longer", "shuffled"), description="longer: as many updates of the target; shuffled: permuted labels"
    )


class Training(_Model):
    """All that decides how models are trained."""

    intermediate: Phase = Field(
        Phase(epochs=2, learning_rate=(1.0e-5,)), description="of the arms' tasks; the same keys as target"
    )
    target: Phase = Field(Phase(), description="of the targets, on their English training sets")
    few_shot: FewShot = Field(
        FewShot(), description="differs from target where the training goes on with few-shot rows"
    )
    per_task: Mapping[str, PhaseOverride] = Field(
        {},
        description="differs for one target or intermediate task; max_length replaces the task's own, too",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="auto = bf16 where the machine computes in it natively; part of the keys once resolved",
    )
    threads: int = Field(2, ge=1, description="fixed, so that results do not depend on the machine's load")
    micro_batch: int | None = Field(
        None, ge=1, description="inputs at once, for memory; changes no result key"
    )


class Prefix(_Model):
    """Texts that are put before what is embedded, as some encoders were trained to expect."""

    query: str = Field("", description="before what is looked for")
    document: str = Field("", description="before the candidates")


class Retrieval(_Model):
    """How sentences are embedded for retrieval targets, the same for all arms."""

    layer: Literal["sweep"] | int = Field("sweep", description="sweep = chosen on dev for each checkpoint")
    pooling: Literal["mean", "cls"] = Field("mean", description="of the tokens' states into one vector")
    postprocess: tuple[Literal["none", "center"], ...] = Field(
        ("none", "center"),
        min_length=1,
        description="center takes the mean vector away: a gain may be isotropy",
    )
    prefix: Annotated[Prefix | None, BeforeValidator(_as_prefix)] = Field(
        None,
        description="put before each text: one, or `{query: …, document: …}`; default: the task's own, else nothing",
    )


class Images(_Model):
    """How texts and images are joined for image-text targets, the same for all arms."""

    tower: str = Field(
        "bundled/efficientnet-lite0",
        description="an image tower: bundled/…, or by Hugging Face id or folder a vision model, or a dual encoder such "
        "as CLIP",
    )
    width: int = Field(
        256, ge=2, description="dimensions of the space that text and image are projected into"
    )
    layers: int = Field(
        2,
        ge=1,
        le=4,
        description="of each projection, 1 = linear; for labels, of attention from text to image",
    )
    parts: int = Field(
        49,
        ge=1,
        le=576,
        description="parts of an image whose vectors are read for labels, at most; 1 = one vector of it all. 49 are "
        "7 × 7 places; a finer grid is averaged over neighbours. Features that come with a task are read whole",
    )
    loss: Literal["infonce", "sigmoid"] = Field(
        "infonce", description="infonce: symmetric, as CLIP's; sigmoid: SigLIP's"
    )
    temperature: float | None = Field(
        None, ge=0.01, le=1, description="that learning starts from; default: 0.07, and 0.1 with sigmoid"
    )
    text: Literal["tune", "lock"] = Field(
        "tune", description="lock: the text encoder stays as the arm left it, and projections alone learn"
    )
    image: Literal["lock", "tune"] = Field(
        "lock",
        description="lock: the image tower stays as it was published; tune: it is trained with the rest, from images",
    )
    on_bad_item: Literal["stop", "skip"] = Field(
        "stop",
        description="an image that is missing or cannot be read: stop, or leave its rows out, which the report counts",
    )


class Statistics(_Model):
    """How evidence is weighed."""

    delta: float = Field(0.01, gt=0, lt=1, description="smallest gain of interest")
    alpha: float = Field(
        0.05, gt=0, lt=1, description="intervals are of level 1 - alpha, tests of level alpha"
    )
    draws: int = Field(10_000, ge=100, description="of the bootstrap over items")


RaceRule = Literal["intervals", "halving"]


class Race(_Model):
    """How a race decides."""

    rule: RaceRule = Field(
        "intervals",
        description="intervals: arms that cannot lead on dev any more leave; halving: the worse half, after 2, 4, 8 … "
        "seeds, which costs less and may lose the best to one as good",
    )
    error: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="of rule intervals: how often, at most, the arm that would lead the full grid on dev is dropped",
    )


class JoinedTask(_Model):
    """A task of one's own that is trained on one task's training set and tested on another's test sets.

    Example:
        >>> JoinedTask(test="xtreme/xnli", train="my/taxinli").train
        'my/taxinli'
    """

    test: str = Field(description="the task whose dev and test rows are used")
    train: str = Field(description="the task whose training rows are used; of the same type and labels")


TASK_FORMS = {"UserTask": UserTask, "JoinedTask": JoinedTask}
"""The two ways to declare a task of one's own, by the tags that problems name them by."""


def _form_of(value: Any) -> str:
    """Which of the two ways to declare a task a mapping is."""
    if isinstance(value, Mapping):
        return "JoinedTask" if "test" in value and "type" not in value else "UserTask"
    return type(value).__name__ if type(value).__name__ in TASK_FORMS else "UserTask"


OwnTask = Annotated[
    Annotated[UserTask, Tag("UserTask")] | Annotated[JoinedTask, Tag("JoinedTask")], Discriminator(_form_of)
]
"""A task of one's own: files and their columns, or two tasks joined."""


_TOO_FEW = {
    "seeds": "strategy: race with {} of the three seeds that it needs at least: nothing is dropped before two have "
    "run, nor after the last. Expected seeds: [0, 1, 2] or more (five or more pay), or strategy: full",
    "arms": "strategy: race with {} arms, the baseline among them: there is nothing to choose between. Expected two "
    "or more arms beside the baseline (five or more pay), or strategy: full",
}
"""What is wrong with a race, by what it has too few of."""


class Recipe(_Model):
    """One experiment: arms × targets × languages × conditions × seeds."""

    encoder: str = Field(
        description="bundled/…, a Hugging Face id or a folder; `@4` keeps its first 4 layers"
    )
    arms: Mapping[str, Annotated[Arm, BeforeValidator(_as_mapping)]] = Field(
        description="by name; `none: {}`, the baseline, is always among them"
    )
    targets: Names = Field(min_length=1, description="tasks that are tested in every language")
    controls: Controls = Field(Controls(), description="what a gain must also hold against")
    languages: Languages = Field("all", description="to test in; as codes, `[en, de, sw]`")
    conditions: Names = Field(
        ("clean",), min_length=1, description="of the test input: clean, typos@2, ocr:text@4 …"
    )
    settings: Annotated[Names, AfterValidator(check_settings)] = Field(
        (ZERO_SHOT,),
        description="how languages are tested: zero-shot, few-shot@K (after training on K sources of the language), "
        "translate-test (on its test rows in English); verdicts are about the first",
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0, 1, 2), min_length=1, description="one training of everything for each; verdicts need two or more"
    )
    strategy: Literal["full", "race"] = Field(
        "full",
        description="race: seed after seed; arms that fall behind on dev are dropped, and not tested",
    )
    race: Race = Field(Race(), description="how a race decides")
    selection: Literal["english-dev", "last", "average", "target-dev"] = Field(
        "english-dev", description="which checkpoint of a training is used; target-dev is an oracle"
    )
    training: Training = Field(Training(), description="how models are trained")
    retrieval: Retrieval = Field(Retrieval(), description="how sentences are embedded")
    images: Images = Field(Images(), description="how texts and images are joined")
    statistics: Statistics = Field(Statistics(), description="how evidence is weighed")
    keep: Literal["none", "best", "all"] = Field("best", description="checkpoints of targets that stay")
    limit: int | None = Field(
        None, ge=1, description="test only so many sources a task: for trying things out"
    )
    report_examples: int = Field(
        2,
        ge=0,
        description="test items shown where an arm does better, and worse; 0 keeps the data's text out",
    )
    tasks: Mapping[str, OwnTask] = Field(
        {}, description="tasks of one's own, by name: files and columns, or `{test: a task, train: another}`"
    )
    notes: str = Field("", description="anything a reader should know")

    @model_validator(mode="after")
    def _is_consistent(self) -> Recipe:
        if BASELINE not in self.arms:
            raise ValueError(f"arms: the baseline is missing. Add the line `{BASELINE}: {{}}` under arms")
        if self.arms[BASELINE].tasks:
            raise ValueError(f"arms.{BASELINE}: the baseline takes no tasks; give this arm another name")
        for name, arm in self.arms.items():
            if "~" in name or "/" in name:
                raise ValueError(f"arms.{name}: names of arms hold neither '~' (controls do) nor '/'")
            if name != BASELINE and not arm.tasks:
                raise ValueError(
                    f"arms.{name}: no tasks. Expected tasks: [suite/task, …]; `xstilts ls tasks` lists them"
                )
        for what in ("seeds", "targets", "conditions"):
            values = getattr(self, what)
            if len(set(values)) != len(values):
                raise ValueError(f"{what}: {list(values)} holds a value twice")
        for what, least in (("seeds", 3), ("arms", 3)) if self.strategy == "race" else ():
            if len(getattr(self, what)) < least:
                raise ValueError(_TOO_FEW[what].format(len(getattr(self, what))))
        return self

    def among(self, arms: Collection[str], seeds: int | None = None) -> Recipe:
        """The recipe with the baseline and some of its arms alone, and with its first so many seeds."""
        kept = {name: arm for name, arm in self.arms.items() if name == BASELINE or name in arms}
        return self.model_copy(update={"arms": kept, "seeds": self.seeds[:seeds]})

    def phase(self, name: Literal["intermediate", "target"], task: str, arm: str | None = None) -> Phase:
        """Settings of one training: the phase's, then the task's, then the arm's own."""
        phase: Phase = getattr(self.training, name)
        if task in self.training.per_task:
            phase = self.training.per_task[task].over(phase)
        return self.arms[arm].training.over(phase) if arm is not None else phase

    def few_shot_phase(self, task: str) -> Phase:
        """Settings of a training that goes on with few-shot rows: those of the target, and what differs."""
        return self.training.few_shot.over(self.phase("target", task))

    def to_yaml(self) -> str:
        """The whole recipe, defaults included, as YAML that can be run again."""
        return yaml.dump(
            self.model_dump(mode="json"), Dumper=RecipeDumper, sort_keys=False, allow_unicode=True, width=100
        )
