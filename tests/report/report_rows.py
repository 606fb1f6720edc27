"""Made-up rows of a run's tables, for the tests of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def curve_rows(
    target: str, arm: str, scores: Sequence[Sequence[float]], verdicts: Sequence[str] = (), own: int = -1
) -> list[dict[str, Any]]:
    """Rows of layers.parquet for one arm: a list of scores a layer, a value a seed; every seed chose layer `own`."""
    own = own % len(scores)
    rows = []
    for rule in ("none", "center"):
        for layer, values in [*enumerate(scores), (None, scores[own])]:
            gain = None if arm == "none" else sum(values) / len(values) - 0.5
            judged = verdicts and rule == "none"
            rows.append(
                {
                    "task": target,
                    "metric": "accuracy",
                    "arm": arm,
                    "postprocess": rule,
                    "layer": layer,
                    "split": "dev",
                    "seeds": list(range(len(values))),
                    "values": list(values),
                    "value": sum(values) / len(values),
                    "seed_low": min(values),
                    "seed_high": max(values),
                    "chosen": len(values) * (layer == own),
                    "gain": gain,
                    "ci_low": None if gain is None else gain - 0.02,
                    "ci_high": None if gain is None else gain + 0.02,
                    "verdict": verdicts[own if layer is None else layer] if judged else None,
                }
            )
    return rows
