"""What a finished run gives away: checkpoints as model folders, results as other tools read them, submissions."""

from xstilts.exporting.huggingface import PROVENANCE, export_hf
from xstilts.exporting.mteb import export_mteb
from xstilts.exporting.sentences import export_sentence_transformers
from xstilts.exporting.xtreme import export_xtreme

FORMS = ("hf", "sentence-transformers", "mteb", "xtreme")
"""What `xstilts export --to` takes."""

__all__ = ["FORMS", "PROVENANCE", "export_hf", "export_mteb", "export_sentence_transformers", "export_xtreme"]
