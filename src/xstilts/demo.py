"""The demo's recipe: the whole experiment on a small scale, from data and weights that packages bring."""

from __future__ import annotations

from importlib.resources import files

from xstilts.recipe import Recipe, parse_recipe

_QUICK = (
    "encoder=bundled/multilingual-e5-small@4",
    "languages=[en, de, ru, hi, zh]",
    "seeds=[0, 1]",
    "training.intermediate.examples=700",
    "limit=60",
)
"""What the quick demo leaves out."""


_IMAGES = (
    "targets=[pocket/intents, pocket/messages, pocket/emoji]",
    "training.per_task={pocket/emoji: {examples: 800, batch_size: 64, learning_rate: 2.0e-4, "
    "head_learning_rate: 1.0e-3}}",
)
"""What the demo with images adds."""


def demo_recipe(quick: bool = False, images: bool = False) -> Recipe:
    """The recipe of `xstilts demo`, or of `xstilts demo --quick`; with `images` the target pocket/emoji beside."""
    text = files("xstilts").joinpath("demo.yaml").read_text("utf-8")
    return parse_recipe(text, "the demo's recipe", _QUICK * quick + _IMAGES * images)
