# Needs GNU make, bash and Python 3.11 or newer. `make help` lists the targets.
#
# Everything lives in .venv. Each `.venv/.*-installed` file is a stamp: a second
# run installs nothing unless pyproject.toml or constraints.txt changed.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL: # every target installs into the one .venv
.DEFAULT_GOAL := help

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=

VENV := .venv
RUN := $(VENV)/bin/python -m
INSTALL := $(RUN) pip install --constraint constraints.txt

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
	@echo
	@echo 'PYTHON=python3.12  the interpreter that creates .venv'
	@echo 'WORKERS=2          test processes'
	@echo 'ARGS="..."         more arguments for demo, unit, conformance and bench'

.PHONY: demo
demo: $(VENV)/.demo-installed ## every loss of a real photograph on every installed backend
	$(RUN) xloss demo --figure demo.png $(ARGS)

.PHONY: test
test: lint golden unit ## lint, types, golden values, then every test

.PHONY: lint
lint: $(VENV)/.test-installed ## ruff, mypy --strict, pyright
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) pyright --pythonpath $(VENV)/bin/python

.PHONY: golden
golden: $(VENV)/.test-installed ## recompute the golden values and compare
	$(RUN) conformance --check

.PHONY: unit
unit: $(VENV)/.test-installed ## unit tests, doctests, pages' examples, conformance cells
	$(RUN) pytest --numprocesses $(WORKERS) --dist loadgroup $(ARGS)

.PHONY: conformance
conformance: $(VENV)/.test-installed ## the conformance table of the CPU backends
	$(RUN) conformance --backend numpy,torch,jax,strict,dask --device cpu $(ARGS)

.PHONY: docs
docs: $(VENV)/.docs-installed ## build docs/_build/html and run the pages' examples
	$(RUN) sphinx -W --keep-going -q -b html docs docs/_build/html
	$(RUN) pytest tests/test_docs.py
	@echo 'docs: docs/_build/html/index.html'

.PHONY: bench
bench: $(VENV)/.test-installed ## xloss against its peers (half an hour)
	$(RUN) benchmarks $(ARGS)

.PHONY: clean
clean: ## remove .venv and everything that was built
	rm -rf $(VENV) docs/_build build dist demo.png
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Dependency groups need pip 25.1; the pip that Python bundles may be older.
$(VENV)/.pip-installed:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	  f"xloss needs Python 3.11 or newer, and $(PYTHON) is {sys.version.split()[0]}:" \
	  " name another one, as in `make test PYTHON=python3.12`")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --upgrade 'pip>=25.1'
	touch $@

# torch goes first and alone: a package that only asks for "torch" would
# otherwise decide which build of it is taken.
$(VENV)/.demo-installed: pyproject.toml constraints.txt | $(VENV)/.pip-installed
	@echo 'Installing into $(VENV); the first time takes some minutes.'
	$(INSTALL) torch
	$(INSTALL) --editable . --group demo
	touch $@

# pyright sets its Node.js up on the first call: here, not in the middle of a test.
$(VENV)/.test-installed: $(VENV)/.demo-installed
	$(INSTALL) --group test --group lint
	$(RUN) pyright --version
	touch $@

$(VENV)/.docs-installed: $(VENV)/.test-installed
	$(INSTALL) --group docs
	touch $@
