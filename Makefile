# fabnet: `make demo` shows it, `make test` tests it. Both set up everything they need first.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
#: Which profile of tests/conftest.py says how many examples of a property are drawn.
DRAWS = few

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
	@scripts/system-packages mosquitto prusa-slicer chromium libatomic1 libfaketime fonts-dejavu-core

demo: $(VENV)/demo.stamp  ## a whole network on this machine; ARGS="--once --kits 6" for one order
	@scripts/system-packages mosquitto prusa-slicer >&2
	@case " $(ARGS) " in *" --octoprint "*) PYTHON=$(PYTHON) scripts/octoprint;; esac
	@$(BIN)/fabnet demo $(ARGS)

check: $(VENV)/dev.stamp  ## lint, types, import contracts, unit tests: under a minute
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory -j2 check-static check-unit DRAWS=$(DRAWS)

check-static:
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

check-unit:
	@# With compiled modules kept, a worker has what it imports in two thirds of the time.
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -q -n 2 --hypothesis-profile=$(DRAWS) tests/unit

octoprint:  ## an OctoPrint in a virtual environment of its own, for tests and the demo
	@PYTHON=$(PYTHON) scripts/octoprint

test: DRAWS = fabnet
test: setup check  ## every test
	@PYTHON=$(PYTHON) scripts/octoprint || [ -z "$$CI" ]
	@# With compiled modules kept, each of the thousand processes that tests start is there a sixth sooner.
	@# They wait more than they compute: two cores are busy with three of them.
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder --ignore=tests/unit $(ARGS)

bench-pack: $(VENV)/dev.stamp  ## copies on a bed: ours, boxes, PrusaSlicer; one JSON line at the end
	@$(BIN)/python -m tests.bench.bench_pack $(ARGS)

bench-mesh: $(VENV)/dev.stamp  ## the gate for model files against trimesh alone; one JSON line at the end
	@$(BIN)/python -m tests.bench.bench_mesh $(ARGS)

bench-ingest: $(VENV)/dev.stamp  ## messages of 1,000 nodes a second, into the ledger; one JSON line at the end
	@scripts/system-packages mosquitto >&2
	@$(BIN)/python -m tests.bench.bench_ingest $(ARGS)

bench-split: $(VENV)/dev.stamp  ## orders over 10,000 printers: ours, five others, bounds; one JSON line at the end
	@$(BIN)/python -m tests.bench.bench_split $(ARGS)

bench-hard: $(VENV)/dev.stamp  ## too much work, one scarce capability, 1,000 audits; one JSON line at the end
	@$(BIN)/python -m tests.bench.bench_hard $(ARGS)

simulate: $(VENV)/dev.stamp  ## ten days of 900 printers where things go wrong: our policy, four others; one JSON line at the end
	@$(BIN)/python -m tests.bench.simulate $(ARGS)

bench-serial: $(VENV)/dev.stamp  ## the serial line against its physical limit and two hosts; one JSON line at the end
	@PYTHON=$(PYTHON) scripts/printrun || true
	@$(BIN)/python -m tests.bench.bench_serial $(ARGS)

fuzz: $(VENV)/dev.stamp  ## what a serial line may say, by atheris, for a minute (pip install -e .[fuzz])
	@$(BIN)/python -m tests.fuzz $(ARGS)

bench-live: $(VENV)/dev.stamp  ## a printer's change to 50 open pages: streams, polling, bare broker; one JSON line at the end
	@scripts/system-packages mosquitto >&2
	@$(BIN)/python -m tests.bench.bench_live $(ARGS)

words: $(VENV)/dev.stamp  ## after a change of French: spaces that do not break, and the catalogue compiled
	@$(BIN)/python scripts/words

screenshots: $(VENV)/dev.stamp  ## a picture of every page, two widths, two languages, in var/screenshots/
	@scripts/system-packages chromium >&2
	@$(BIN)/python -m tests.e2e.screenshots $(ARGS)

schema: $(VENV)/dev.stamp  ## docs/protocol.schema.json anew, after a change of messages
	@$(BIN)/python -m fabnet.schema > docs/protocol.schema.new
	@mv docs/protocol.schema.new docs/protocol.schema.json

chaos: $(VENV)/dev.stamp  ## a network broken on purpose; ARGS="--seconds 600 --seed 7"; one JSON line at the end
	@scripts/system-packages mosquitto prusa-slicer libfaketime >&2
	@$(BIN)/python -m tests.chaos.run $(ARGS)

scenario: $(VENV)/dev.stamp  ## many orders from asking to receiving; ARGS="--hospitals 12 --orders 50 --seed 7"; one JSON line at the end
	@scripts/system-packages mosquitto prusa-slicer >&2
	@case " $(ARGS) " in *" --browser "*) scripts/system-packages chromium chromium-headless-shell >&2;; esac
	@$(BIN)/python -m tests.scenario.run $(ARGS)

.PHONY: help setup demo check check-static check-unit octoprint test bench-pack bench-mesh bench-ingest bench-split bench-serial fuzz bench-live words screenshots schema chaos scenario bench-hard simulate
