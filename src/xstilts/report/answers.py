"""What the report says first: the answer of each family, the verdicts with their sentences, the words used."""

from __future__ import annotations

from typing import Any

from xstilts.report import words
from xstilts.report.evidence import Evidence, Row, flags


def answer(family: str, evidence: Evidence) -> dict[str, Any]:
    """The answer of one family: in a few words, counted by verdict, and sentence by sentence."""
    rows = evidence.verdicts(family)
    return {
        "family": words.FAMILIES.get(family, family),
        "short": words.short_answer(family, evidence),
        "overall": words.overall(family, evidence),
        "changed": words.changed_overall(family, evidence),
        "rows": [_told(row, evidence) for row in rows],
        "best": {x: evidence.run.get("best", {}).get(x) for x in evidence.targets(family)},
    }


def _told(row: Row, evidence: Evidence) -> dict[str, Any]:
    keeps = row["verdict"] in ("persists", "fades")
    return {
        **row,
        "flags": words.named_flags(row),
        "word": words.verdict_word(row),
        "sentence": words.sentence(row, evidence),
        "retention": evidence.retention(row["arm"], row["task"]) if keeps else None,
    }


def kinds(rows: list[Row]) -> dict[str, list[tuple[str, str]]]:
    """Verdict words with their meaning: those that occur here, and the rest."""
    here = {words.verdict_word(row) for row in rows}
    none = [(words.NO_VERDICT, "there are too few seeds to tell luck from effect.")]
    return {
        "here": [(word, text) for word, text in [*words.VERDICTS.items(), *none] if word in here],
        "rest": [(word, text) for word, text in words.VERDICTS.items() if word not in here],
    }


def flags_raised(rows: list[Row], evidence: Evidence) -> list[tuple[str, str, str]]:
    """(flag, what it means, where it was raised) for the flags that occur."""
    told = []
    for flag, meaning in words.FLAGS.items():
        where = [
            f"{row['arm']} on {words.short(row['task'], evidence.targets())}"
            + (" (changed input)" if row["perturbed"] else "")
            for row in rows
            if flag in flags(row)
        ]
        if where:
            told.append((words.SHORT_FLAGS.get(flag, flag), meaning, words.listed(where)))
    return told
