"""What tasks may set that search among candidates."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from xstilts.hashing import short_hash


class MiningOptions(BaseModel):
    """What a bitext-mining task may set under `options`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    scoring: Literal["ratio-margin-k4", "cosine"] = Field(
        "ratio-margin-k4",
        description="similarity of a pair, beside that of its 4 nearest neighbours or alone",
    )


class AnswerOptions(BaseModel):
    """What an answer-retrieval task may set under `options`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    scoring: Literal["cosine", "dot"] = Field("cosine", description="similarity of question and candidate")
    trained: bool = Field(
        False,
        description="train on the training files' questions and answers first; the last layer is then read",
    )
    temperature: float = Field(
        0.05, gt=0, description="of that training's softmax over the answers of a batch"
    )
    symmetric: bool = Field(False, description="look for questions among answers in training as well")


def answer_id(language: str, answer: str, context: str = "") -> str:
    """The id of a candidate that comes with a question: the same for the same words in a language.

    Example:
        >>> answer_id("en", "He did.") == answer_id("en", "He did."), answer_id("de", "Er.").partition("/")[0]
        (True, 'de')
    """
    return f"{language}/{short_hash(f'{answer}{chr(10)}{context}')}"
