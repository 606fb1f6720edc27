"""The folder of published benchmark files, for the tests that read them where they are there."""

from __future__ import annotations

import os

import pytest

DATA = os.environ.get("XSTILTS_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="XSTILTS_DATA is not set to a folder of benchmark files")
