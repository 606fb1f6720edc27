"""Metrics: per-item statistics and closed forms, by name."""

from xstilts.errors import UnknownName
from xstilts.metrics.base import Metric
from xstilts.metrics.classification import ACCURACY, MACRO_F1
from xstilts.metrics.image_text import IMAGE_TEXT
from xstilts.metrics.official import BUCC_F1
from xstilts.metrics.qa import MLQA_EM, MLQA_F1, QA_EM, QA_F1, SQUAD_EM, SQUAD_F1
from xstilts.metrics.retrieval import BITEXT_F1, MAP, MRR
from xstilts.metrics.tagging import CHUNK_F1, ENTITY_F1, TOKEN_ACCURACY

__all__ = ["METRICS", "Metric", "get_metric"]

_TAGGING = (ENTITY_F1, CHUNK_F1, TOKEN_ACCURACY)
_QA = (SQUAD_F1, SQUAD_EM, MLQA_F1, MLQA_EM, QA_F1, QA_EM)
_RETRIEVAL = (MAP, MRR, BITEXT_F1, BUCC_F1)

METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (ACCURACY, MACRO_F1, *_TAGGING, *_QA, *_RETRIEVAL, *IMAGE_TEXT)
}


def get_metric(name: str) -> Metric:
    """The metric of this name.

    Raises:
        UnknownName: nothing is registered under the name.

    Example:
        >>> get_metric("macro_f1").label
        'Macro-F1'
    """
    if name not in METRICS:
        raise UnknownName("metric", name, METRICS)
    return METRICS[name]
