"""Folders of predictions in the layouts of XTREME's and XTREME-R's leaderboards: written, checked, scored."""

from xstilts.submissions.folders import (
    Predictions,
    check_place,
    guess_suite,
    looks_like_submission,
    write_submission,
)
from xstilts.submissions.layouts import SUBMISSIONS, Suite, TaskFiles, get_suite
from xstilts.submissions.scoring import Scores, score

__all__ = [
    "SUBMISSIONS",
    "Predictions",
    "Scores",
    "Suite",
    "TaskFiles",
    "check_place",
    "get_suite",
    "guess_suite",
    "looks_like_submission",
    "score",
    "write_submission",
]
