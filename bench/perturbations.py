"""Sentences a second that each perturbation handles on one core.

    python bench/perturbations.py [--repetitions 5] [--severity 5]

The texts are the interface messages of `pocket/messages` (Django) in twenty-two languages, three of them a sentence, so
that a sentence is about as long as those of XNLI. For passages (omission) ten sentences make one. Times are those of
the process on the core; as other work on the machine still slows it, the best of the repetitions is printed, and the
slowest language. Noise at severity 5 makes the most edits and takes longest.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from statistics import fmean

from xstilts.perturbations import PERTURBATIONS, Condition, perturb_text
from xstilts.tasks.pocket.messages import messages

LANGUAGES = "en ar bg bn de el es fa fi fr he hi ja ka ko ml ru sw th tr vi zh".split()  # noqa: SIM905
SENTENCES = 400


def sentences(language: str) -> list[str]:
    """So many sentences of three messages each."""
    side = "target" if language == "en" else "text"
    rows = messages("test", "de" if language == "en" else language)
    texts = [row[side] for row in rows]
    joined = [" ".join(texts[(3 * i + k) % len(texts)] for k in range(3)) for i in range(SENTENCES)]
    return joined


def per_second(condition: Condition, language: str, texts: list[str], repetition: int) -> float:
    begin = time.process_time()
    for i, text in enumerate(texts):
        perturb_text(text, language, condition, f"bench/{repetition}/{i}")
    return len(texts) / (time.process_time() - begin)


def rates(name: str, severity: int, repetitions: int) -> Iterator[tuple[float, str]]:
    """Sentences a second by language, the best of the repetitions."""
    condition = Condition(name, severity=severity)
    for language in LANGUAGES:
        if condition.acts_on(language):
            size = 10 if PERTURBATIONS[name].kind == "content" else 1
            texts = TEXTS[language]
            texts = [" ".join(texts[i : i + size]) for i in range(0, len(texts), size)]
            per_second(condition, language, texts[:50], -1)  # tables and caches
            yield (
                size * max(per_second(condition, language, texts, n) for n in range(repetitions)),
                language,
            )


TEXTS = {language: sentences(language) for language in LANGUAGES}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--severity", type=int, default=5)
    arguments = parser.parse_args()
    length = fmean(len(text) for texts in TEXTS.values() for text in texts)
    print(f"{len(TEXTS)} languages, {SENTENCES} sentences each, {length:.0f} characters on average")
    for name in PERTURBATIONS:
        found = list(rates(name, arguments.severity, arguments.repetitions))
        slowest, language = min(found)
        mean = len(found) / sum(1 / rate for rate, _ in found)
        print(f"{name:14} {mean:8,.0f} a second; slowest {language}: {slowest:,.0f}")


if __name__ == "__main__":
    main()
