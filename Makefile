# Every command of the project. `make` alone lists them; CI calls the same ones.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
EXTRAS ?= tables,fast,service,dask,spark,onnx,sklearn,analysis,notebooks,test,dev
BIN := .venv/bin
STAMP := .venv/.installed$(if $(EXTRAS),,-core)
# A worker a core, and so one thread for each one's linear algebra; whole files stay with a worker while there is enough to do.
PYTEST ?= OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --dist worksteal

# A bytecode cache makes every later start several times quicker (pgmpy: 10 s without, 3 s with).
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-quick check fix fit docs readme notebooks golden bench build lock clean

help:  ## this list
	@grep -hE '^[a-z-]+%?:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP)  ## make .venv with everything for work on the project

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'spinecast needs Python 3.11 or later: make setup PYTHON=/path/to/python3.11' >&2; exit 1; }
	@test -x $(BIN)/pip || { echo '1/3 making .venv'; $(PYTHON) -m venv .venv; }
	@echo '2/3 installing spinecast and what it needs (a minute or two the first time)'
	@$(BIN)/pip install -qq --disable-pip-version-check --no-compile -c constraints.txt -e '.$(if $(EXTRAS),[$(EXTRAS)])'
	@echo '3/3 compiling'
	@$(BIN)/python -m compileall -q -j 0 .venv/lib model >/dev/null || true  # some packages ship templates that are no Python
	@touch $@
	@echo 'ready: .venv/bin/spinecast --help'

demo:  ## assess one patient (installs the core only, where nothing is installed yet)
	@ls .venv/.installed* >/dev/null 2>&1 || $(MAKE) --no-print-directory setup EXTRAS=
	@$(BIN)/spinecast assess examples/suitcase.toml

test: check  ## check, then every test
	$(PYTEST)

test-quick: setup  ## the tests that take seconds
	$(PYTEST) -m 'not slow'

test-%: setup  ## one folder of tests: make test-unit
	$(PYTEST) tests/$*

check: setup  ## style, types, layers, laws of the data; changes nothing
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/spinecast priors check

fix: setup  ## put right what a program can
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format

fit: setup  ## fit the parameters to the published figures anew
	$(BIN)/spinecast fit

docs: setup  ## write the generated pages anew, and what the examples in the others print
	$(BIN)/python docs/make_docs.py

readme: setup  ## the same for README.md alone
	$(BIN)/python docs/make_docs.py README.md

notebooks: setup  ## execute the notebooks anew from their .py
	$(BIN)/python docs/make_notebooks.py

golden: setup  ## rewrite the recorded outputs; say why in CHANGELOG.md
	SPINECAST_REWRITE_GOLDEN=1 $(BIN)/pytest -q tests/golden

bench: setup  ## speed, beside the alternatives; writes benchmarks/results.json
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/analysis.py
	$(BIN)/python benchmarks/service.py
	$(BIN)/python benchmarks/embedding.py
	$(BIN)/python benchmarks/start.py

build: setup  ## sdist, then the wheel from that sdist; lists what the wheel holds
	rm -rf dist
	$(BIN)/python -m build --quiet
	@$(BIN)/python -m zipfile -l dist/*.whl

lock:  ## resolve again: uv.lock, and constraints.txt for pip (needs uv)
	uv lock --upgrade
	uv export --quiet --frozen --all-extras --no-emit-project --no-hashes --no-header --no-annotate -o constraints.txt

clean:  ## remove what was made
	rm -rf .venv dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
