"""What explains that some languages gain more than others: gains against features of languages.

A linear mixed-effects model for each arm, family of targets and condition, over the languages beside English:

    gain(t, l) = a(t) + Σ b(f) x(f, t, l) + u(family of l) + v(l) + error,    u, v, error normal,

a(t) a mean of each target, u of each language family, v of each language where there are several targets; fitted by
restricted maximum likelihood (statsmodels' MixedLM; Laird & Ware 1982, "Random-effects models for longitudinal data",
Biometrics 38). Gains are taken as measured: what seeds and items do to them is in the error. Intervals are Student's,
with df = families − features − 1, as for features that differ between families only, which script and distance nearly
do. With df = languages − features − 1 a null effect was found in up to 10% of simulated cases instead of 5%.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from xstilts.analysis.languages import holm

Row = dict[str, Any]

MIN_LANGUAGES = 10
PER_FEATURE = 5
FAMILIES_PER_FEATURE = 2
MIN_FAMILIES = 5
MIN_SIDE = 3

ALONE, TOGETHER = "alone", "together"
FEATURES = {
    "latin": "written in Latin script",
    "distance": "distance from English",
    "pieces": "pieces a word, doubled",
}
"""What a feature is, for readers, by its name in the tables; its coefficient is the gain for one unit of it."""

_POINTS = 100


class Observation(NamedTuple):
    """The gain of one arm on one target in one language, 0..1, and the language's features."""

    target: str
    language: str
    family: str
    gain: float
    features: Mapping[str, float]


@dataclass(frozen=True)
class _Fit:
    """Coefficients and standard errors in points, by feature; variances of family, language and error."""

    coefficients: Mapping[str, tuple[float, float]]
    variances: tuple[float, float, float]


def explain(observations: Sequence[Observation], alpha: float = 0.05) -> list[Row]:
    """Rows of the table of explanations for one arm, family of targets and condition.

    Each feature has a row `alone` and, where there are enough languages for all features at once, one `together` with
    the others. `estimate` is the change of the gain, 0..1, for one unit of the feature, `p_holm` is corrected over the
    features of the model (Holm 1979). A row without a feature says in `note` why nothing can be concluded: fewer than
    10 languages or 5 families. A feature is left out where fewer than 3 languages differ in it.

    Args:
        observations: over languages beside English; all must have the same features.
        alpha: 1 − the level of the intervals.

    Example:
        >>> one = Observation("t", "de", "Indo-European", 0.01, {"latin": 1.0})
        >>> explain([one])[0]["note"]
        'no conclusion: 1 language beside English, where 10 are the least'
    """
    reason = too_few(observations)
    if reason:
        return [_row("", "", observations, note=reason)]
    usable = [name for name in observations[0].features if _varies(name, observations)]
    left_out = [name for name in observations[0].features if name not in usable]
    rows = [row for name in usable for row in _model(ALONE, [name], observations, alpha)]
    if len(usable) > 1 and _enough(len(usable), observations):
        rows += _model(TOGETHER, usable, observations, alpha)
    elif len(usable) > 1:
        least = f"{PER_FEATURE} languages and {FAMILIES_PER_FEATURE} families for each are the least"
        note = f"too few for {len(usable)} features at once: {least}"
        rows.append(_row(TOGETHER, "", observations, note=note))
    note = f"fewer than {MIN_SIDE} languages differ from the others in this"
    return rows + [_row(ALONE, name, observations, note=note) for name in left_out]


def too_few(observations: Sequence[Observation]) -> str:
    """Why languages are too few for any conclusion; empty where they are not."""
    languages, families = _languages(observations), _families(observations)
    if languages >= MIN_LANGUAGES and families >= MIN_FAMILIES:
        return ""
    if languages < MIN_LANGUAGES:
        have = f"{languages} language{'s' * (languages != 1)} beside English, where {MIN_LANGUAGES} are the least"
    else:
        have = f"{languages} languages of {families} families, where {MIN_FAMILIES} families are the least"
    return f"no conclusion: {have}"


def _enough(features: int, observations: Sequence[Observation]) -> bool:
    """Whether there are languages and families enough for so many features at once."""
    families = _families(observations) >= FAMILIES_PER_FEATURE * features
    return families and _languages(observations) >= PER_FEATURE * features


def _languages(observations: Sequence[Observation]) -> int:
    return len({x.language for x in observations})


def _families(observations: Sequence[Observation]) -> int:
    return len({x.family for x in observations})


def _varies(feature: str, observations: Sequence[Observation]) -> bool:
    """Whether enough languages have another value than the commonest one."""
    values = {x.language: round(x.features[feature], 9) for x in observations}
    counts = np.unique(list(values.values()), return_counts=True)[1]
    return len(values) - int(counts.max()) >= MIN_SIDE


def _model(
    kind: str, features: Sequence[str], observations: Sequence[Observation], alpha: float
) -> list[Row]:
    fit = _fit(features, observations)
    if fit is None:
        note = "no conclusion: the model could not be fitted"
        return [_row(kind, name, observations, note=note) for name in features]
    df = _families(observations) - len(features) - 1
    rows = []
    for name in features:
        value, error = fit.coefficients[name]
        margin = -float(stdtrit(df, alpha / 2)) * error
        p = 2 * float(stdtr(df, -abs(value / error)))
        numbers = {"estimate": value, "se": error, "ci_low": value - margin, "ci_high": value + margin}
        scaled = {key: number / _POINTS for key, number in numbers.items()}
        rows.append(_row(kind, name, observations) | scaled | {"df": float(df), "p": p} | _shares(fit))
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = corrected
    return rows


def _shares(fit: _Fit) -> Row:
    """Which share of the variance that features leave is between families, and between languages of a family."""
    total = sum(fit.variances)
    family, language, _ = (x / total if total > 0 else 0.0 for x in fit.variances)
    return {"family_share": family, "language_share": language}


def _fit(features: Sequence[str], observations: Sequence[Observation]) -> _Fit | None:
    """The fitted model; None where no optimum with finite standard errors was found."""
    import pandas as pd
    from statsmodels.regression.mixed_linear_model import MixedLM

    table = pd.DataFrame(
        [
            {"target": x.target, "language": x.language, "family": x.family, "gain": _POINTS * x.gain}
            | {name: x.features[name] for name in features}
            for x in observations
        ]
    )
    several = len(set(table["target"])) > 1
    formula = " + ".join(["gain ~ 1", *(["C(target)"] if several else []), *features])
    parts = {"language": "0 + C(language)"} if several else None
    model = MixedLM.from_formula(formula, table, groups="family", re_formula="1", vc_formula=parts)
    for method in ("powell", "nm"):
        variances = _variances(model, method)
        if variances is not None:
            return _Fit(_coefficients(model, table, variances, features), variances)
    return None


def _variances(model: Any, method: str) -> tuple[float, float, float] | None:
    """Variance between families, between languages of a family and of the error; None where none were found."""
    with warnings.catch_warnings():  # a variance of 0 is an answer here, and is warned of
        warnings.simplefilter("ignore")
        try:
            fitted = model.fit(reml=True, method=method)
        except np.linalg.LinAlgError:
            return None
    between = float(np.asarray(fitted.cov_re)[0, 0])
    within = float(fitted.vcomp[0]) if len(fitted.vcomp) else 0.0
    found = (between, within, float(fitted.scale))
    return found if all(map(isfinite, found)) and found[2] > 0 else None


def _coefficients(
    model: Any, table: Any, variances: tuple[float, float, float], features: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Coefficients and standard errors given the variances: (X'V⁻¹X)⁻¹X'V⁻¹y and (X'V⁻¹X)⁻¹ (Laird & Ware 1982).

    MixedLM's own standard errors invert a matrix that is singular where a variance is 0.
    """
    family, language = (
        np.equal.outer(x, x) for x in (table["family"].to_numpy(), table["language"].to_numpy())
    )
    covariance = variances[0] * family + variances[1] * language + variances[2] * np.eye(len(table))
    design = np.asarray(model.exog)
    weighted = np.linalg.solve(covariance, design)
    inverse = np.linalg.inv(design.T @ weighted)
    values = inverse @ weighted.T @ np.asarray(model.endog)
    places = {name: list(model.exog_names).index(name) for name in features}
    return {name: (float(values[i]), float(np.sqrt(inverse[i, i]))) for name, i in places.items()}


def _row(kind: str, feature: str, observations: Sequence[Observation], note: str = "") -> Row:
    """A row without numbers."""
    columns = ("estimate", "se", "df", "ci_low", "ci_high", "p", "p_holm", "family_share", "language_share")
    return (
        {"model": kind, "feature": feature}
        | dict.fromkeys(columns)
        | {
            "languages": _languages(observations),
            "families": _families(observations),
            "targets": len({x.target for x in observations}),
            "note": note,
        }
    )
