"""`xstilts init`: from the names of data files to a recipe that has been checked on every row of them."""

from xstilts.initialising.asking import Request
from xstilts.initialising.drafting import Draft, draft

__all__ = ["Draft", "Request", "draft"]
