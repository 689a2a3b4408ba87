# fabnet: `make demo` shows it, `make test` tests it. Both set up everything they need first.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

help:  ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /make \1: /p' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fabnet needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/dev.stamp: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/demo.stamp

setup: $(VENV)/dev.stamp  ## a virtual environment with everything for development
	@scripts/system-packages mosquitto prusa-slicer chromium

demo: $(VENV)/demo.stamp  ## a whole network on this machine; ARGS="--once --kits 6" for one order
	@scripts/system-packages mosquitto prusa-slicer >&2
	@$(BIN)/fabnet demo $(ARGS)

check: $(VENV)/dev.stamp  ## lint, types, import contracts, unit tests: under a minute
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/pytest -q tests/unit

test: setup check  ## every test
	$(BIN)/pytest -q --ignore=tests/unit $(ARGS)

.PHONY: help setup demo check test
