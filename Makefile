# Every target makes its environment on first use, and again when the dependencies change: just type `make test`.

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
EXTRAS ?= all,dev
# Tests train with one thread each, so two workers fill two cores and do not get in each other's way.
WORKERS ?= 2
RUNS ?= runs

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(BENCH_VENV)/.installed
CODE := src tests bench docs

.DEFAULT_GOAL := help
.PHONY: help install demo test check format reference bench docs nightly clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## make .venv with xstilts and everything that developing needs

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "xstilts needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

demo: $(STAMP)  ## does an English task help? the answer on real data, in about ten minutes
	$(BIN)/xstilts demo --out $(RUNS)/demo

test: $(STAMP)  ## all tests but the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not slow' -n $(WORKERS) --dist loadfile

check: $(STAMP)  ## format, lint, types, and whether the reference is up to date
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy src bench docs
	$(BIN)/python docs/make_reference.py --check

format: $(STAMP)  ## let ruff format and mend what it can
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

reference: $(STAMP)  ## write docs/recipe.md anew from the models
	$(BIN)/python docs/make_reference.py

bench: $(STAMP) $(BENCH_STAMP)  ## speed beside transformers.Trainer, sentence-transformers and, where XSTILTS_DATA has tatoeba/, mteb; of mining; of images; of the analysis; of start-up; memory and disk beside their estimates
	$(BIN)/python bench/train.py --out $(RUNS)/bench/train.json
	$(BIN)/python bench/inference.py --out $(RUNS)/bench/inference.json
	$(BIN)/python bench/mining.py --out $(RUNS)/bench/mining.json
	$(BIN)/python bench/images.py --out $(RUNS)/bench/images.json
	$(BIN)/python bench/weighing.py --out $(RUNS)/bench/weighing.json
	$(BIN)/python bench/startup.py --out $(RUNS)/bench/startup.json
	$(BIN)/python bench/memory.py --out $(RUNS)/bench/memory.json
	@if [ -d "$$XSTILTS_DATA/tatoeba" ]; then \
	  $(BENCH_VENV)/bin/python bench/retrieval.py --limit 30 --out $(RUNS)/bench/retrieval.json; \
	else echo 'bench/retrieval.py is left out: set XSTILTS_DATA to a folder that holds tatoeba/'; fi
	$(BIN)/python bench/table.py $(RUNS)/bench

# What is measured against stays out of .venv.
$(BENCH_STAMP): pyproject.toml constraints.txt bench/requirements.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --constraint constraints.txt --editable '.[pocket]' -r bench/requirements.txt
	@touch $@

docs: $(STAMP)  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

nightly: $(STAMP)  ## the slow tests, the simulation of the statistics and the full study of the pocket suite, in about two hours
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow -n $(WORKERS)
	OMP_NUM_THREADS=1 $(BIN)/python bench/simulation.py --out $(RUNS)/bench/simulation.json
	$(BIN)/xstilts run recipes/pocket.yaml --out $(RUNS)/pocket

clean:  ## remove what can be made again; runs/ and .venv stay
	rm -rf site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +
