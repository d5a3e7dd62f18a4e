# `make up` runs everything on this machine; `make test` runs the tests. Both make .venv when it is missing.
# Needs Python >= 3.11 and make, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: up test soak lint bench install lock help

up: $(READY)  ## Run servers, receiver, worker, beat, Flower and a sandbox; Ctrl-C stops them all
	@exec $(BIN)/rxledger up $(ARGS)

test: $(READY)  ## Run the tests
	$(BIN)/python -m pytest $(ARGS)

soak: $(READY)  ## Run the long forms of tests that `make test` runs in their short ones
	$(BIN)/python -m pytest -m soak $(ARGS)

lint: $(READY)  ## Check style, types and the directions of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## Measure accept, apply, push to applied, and pulls
	$(BIN)/python -m bench $(ARGS)

install: $(READY)  ## Make .venv from requirements.lock

# With the oldest Python 3.11 at hand: what it needs more than others is then on the list, for all.
lock: $(READY)  ## Pin every dependency again, with hashes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-tools
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
		--no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
		--allow-unsafe --build-deps-for editable --extra dev --extra embedded \
		--output-file requirements.lock pyproject.toml

# Written last, so that an install that was cut short is done again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "rxledger needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

help:  ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
