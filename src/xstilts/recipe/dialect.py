"""The YAML of recipes."""

from __future__ import annotations

import re
from typing import Any

import yaml


class RecipeDumper(yaml.SafeDumper):
    """Writes what `RecipeLoader` reads back: the label `1e5` in quotes, as it would else be a number."""


class RecipeLoader(yaml.SafeLoader):
    """YAML 1.1 with three of its traps closed: `no` is Norwegian, `1e-5` is a number, no key is silently lost."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping; a key that stands there twice is an error, where YAML would take the last one."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                problem = f"the key {key!r} stands there twice. Leave one out"
                raise yaml.constructor.ConstructorError(None, None, problem, node.value[place][0].start_mark)
        return super().construct_mapping(node, deep)


RecipeLoader.yaml_implicit_resolvers = {
    first: [
        (tag, rule) for tag, rule in rules if tag not in {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"}
    ]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
RecipeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|false|True|False)$"), list("tTfF")
)
for _side in (RecipeLoader, RecipeDumper):
    _side.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?$"),
        list("-+.0123456789"),
    )
