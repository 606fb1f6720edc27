"""What a finished run gives away: checkpoints as model folders, results as other tools read them."""

from xstilts.exporting.huggingface import PROVENANCE, export_hf
from xstilts.exporting.mteb import export_mteb
from xstilts.exporting.sentences import export_sentence_transformers

FORMS = ("hf", "sentence-transformers", "mteb")
"""What `xstilts export --to` takes."""

__all__ = ["FORMS", "PROVENANCE", "export_hf", "export_mteb", "export_sentence_transformers"]
