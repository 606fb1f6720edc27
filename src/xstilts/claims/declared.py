"""The ledger: fourteen claims and preconditions, each a value."""

from __future__ import annotations

from xstilts.claims import ours, reference, theirs
from xstilts.claims.base import Claim, Source

FINAL = Source("Phang et al. 2020, AACL (arXiv 2005.13013, last version)", "abstract")
FIRST = Source("Phang et al. 2020, arXiv 2005.13013, first version", "section 2 and appendix A")
FIRST_DEV = Source("Phang et al. 2020, arXiv 2005.13013, first version", "table 2")
OWN = Source("none, a claim of this project")

_PAPERS_ENCODER = "encoder: FacebookAI/xlm-roberta-large"
_THREE_ARMS = """\
arms:
  none: {}
  squad1: {tasks: [stilts/squad1]}
  mnli: {tasks: [stilts/mnli]}
  hellaswag: {tasks: [stilts/hellaswag]}
targets: [xtreme/pawsx, xtreme/tydiqa, xtreme/bucc2018, xtreme/tatoeba]"""
_MIXTURE = """\
arms:
  none: {}
  squad1: {tasks: [stilts/squad1]}
  hellaswag: {tasks: [stilts/hellaswag]}
  multi: {tasks: [stilts/squad1, stilts/hellaswag], mixing: {cap: 131072}}
targets: [xtreme/tydiqa, xtreme/tatoeba]"""
_RETRIEVAL = """\
arms:
  none: {}
  squad1: {tasks: [stilts/squad1]}
targets: [xtreme/bucc2018, xtreme/tatoeba]"""
_FOUR = """\
arms:
  none: {}
  squad1: {tasks: [stilts/squad1]}
  hellaswag: {tasks: [stilts/hellaswag]}
  csqa: {tasks: [stilts/csqa]}
targets: [xtreme/tydiqa, xtreme/xnli]"""
_NINE = """\
arms:
  none: {}
  anli+: {tasks: [stilts/anli+]}
  mnli: {tasks: [stilts/mnli]}
  qqp: {tasks: [stilts/qqp]}
  squad1: {tasks: [stilts/squad1]}
  squad2: {tasks: [stilts/squad2]}
  hellaswag: {tasks: [stilts/hellaswag]}
  ccg: {tasks: [stilts/ccg]}
  cosmosqa: {tasks: [stilts/cosmosqa]}
  csqa: {tasks: [stilts/csqa]}"""
_TRAINED = "targets: [xtreme/tydiqa, xtreme/pawsx]"

CLAIMS = (
    Claim(
        number=1,
        short="SQuAD, MNLI, HellaSwag: large average gains",
        sentence="SQuAD, MNLI and HellaSwag as the intermediate task each raise XTREME's average by several points.",
        source=FINAL,
        on_run=theirs.large_average_gains,
        on_reference=reference.large_average_gains,
        how=_THREE_ARMS,
    ),
    Claim(
        number=2,
        short="all tasks together are best",
        sentence="One training on all intermediate tasks together raises the average more than any of them alone.",
        source=FINAL,
        on_run=theirs.multi_task_is_best,
        on_reference=reference.multi_task_is_best,
        how=_MIXTURE,
    ),
    Claim(
        number=3,
        short="retrieval without training gains much",
        sentence="BUCC and Tatoeba, which have no training data, gain much from intermediate training.",
        source=FIRST_DEV,
        on_run=theirs.retrieval_gains_much,
        on_reference=reference.retrieval_gains_much,
        how=_RETRIEVAL,
    ),
    Claim(
        number=4,
        short="TyDiQA gains from many, XNLI does not",
        sentence="TyDiQA gains from most intermediate tasks, and XNLI from few or none.",
        source=FIRST_DEV,
        on_run=theirs.tydiqa_gains_xnli_does_not,
        on_reference=reference.tydiqa_gains_xnli_does_not,
        how=_FOUR,
    ),
    Claim(
        number=5,
        short="the best arm of each target gains",
        sentence="With the model that is best on dev for each target, XTREME's average rises by some five points.",
        source=FINAL,
        on_run=theirs.best_per_target,
        on_reference=reference.best_per_target,
        how=_THREE_ARMS,
    ),
    Claim(
        number=6,
        short="neither MLM beside nor translation does better",
        sentence="Language modelling beside the intermediate task, or translating that task, does no better than the "
        "English task alone.",
        source=FINAL,
        on_run=theirs.english_beats_mlm_and_translation,
        on_reference=reference.english_beats_mlm_and_translation,
        how="For translation: declare the translated rows as a task of your own (`xstilts init` drafts it), give it "
        "an arm beside the English one, and type: xstilts compare RUN:english RUN:translated",
    ),
    Claim(
        number=7,
        short="encoder: XLM-R Large",
        sentence="The starting encoder is XLM-R Large.",
        source=FIRST,
        on_run=theirs.starts_from_xlmr,
        on_reference=reference.stated,
        how=_PAPERS_ENCODER,
        precondition=True,
    ),
    Claim(
        number=8,
        short="three phases",
        sentence="Three phases: a pretrained encoder, English intermediate tasks, then English target training with a "
        "new head; retrieval targets skip the third.",
        source=FIRST,
        on_run=theirs.three_phases,
        on_reference=reference.stated,
        how=_TRAINED,
        precondition=True,
    ),
    Claim(
        number=9,
        short="nine intermediate tasks",
        sentence="Nine intermediate tasks, each by itself.",
        source=FINAL,
        on_run=theirs.nine_intermediates,
        on_reference=reference.nine_intermediates,
        how=_NINE,
        precondition=True,
    ),
    Claim(
        number=10,
        short="gains last beyond English",
        sentence="Where the best arm gains in English, it gains in the other languages.",
        source=OWN,
        on_run=ours.beyond_english,
        on_reference=reference.beyond_english,
        how="languages: all",
    ),
    Claim(
        number=11,
        short="gains last under perturbation",
        sentence="Where the best arm gains on clean input, it gains on perturbed input.",
        source=OWN,
        on_run=ours.under_perturbation,
        on_reference=reference.under_perturbation,
        how="conditions: [clean, typos@2, casing@3]",
    ),
    Claim(
        number=12,
        short="gains are there in image-text",
        sentence="The best arm gains on image-text targets.",
        source=OWN,
        on_run=ours.in_image_text,
        on_reference=reference.in_image_text,
        how="A target of the type image-text-retrieval; those there are: xstilts ls tasks",
    ),
    Claim(
        number=13,
        short="gains are there apart from retrieval",
        sentence="The best arm gains on targets that are trained, retrieval left aside.",
        source=OWN,
        on_run=ours.on_trained_targets,
        on_reference=reference.on_trained_targets,
        how=_TRAINED,
    ),
    Claim(
        number=14,
        short="gains hold against controls and centring",
        sentence="The gain holds against longer training, against shuffled labels, and on centred sentence vectors.",
        source=OWN,
        on_run=ours.against_controls_and_centring,
        on_reference=reference.against_controls_and_centring,
        how="controls: {of: all, kinds: [longer, shuffled]}",
    ),
)
"""Published claims (1) to (6) with their preconditions (7) to (9), and ours (10) to (14)."""
