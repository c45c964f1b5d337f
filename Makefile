# What there is to do in this repository: `make help`. Every target sets up what it needs.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SMOKE := build/smoke

# The first Python that is new enough; PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for each in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$each; break; }; done)

# More arguments for pytest: make test ARGS="-k slots -x"; ARGS="-n 0 --pdb" in one process, with a debugger.
ARGS ?=
# Tests wait more than they compute: two processes for each core, and whoever has no more tests takes over others.
AT_ONCE := -n $(shell echo $$((2 * $$(nproc)))) --maxprocesses 8 --dist worksteal
# What `make bench` extracts; without it, a film made of the shared ones.
FILM ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test watching faults films bench memory accuracy scanner service-test check fix picture schema settings build ci \
	lock python tmux
# `make -j ci` must not run the tests beside the build: they measure time.
.NOTPARALLEL:

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) tmux ## render a short film, extract it under a daemon of its own, show what came out
	@$(BIN)/framed demo

test: $(INSTALLED) tmux ## run the tests; choose with ARGS="-k slots"
	$(BIN)/pytest --must-run $(AT_ONCE) tests/unit tests/system tests/conformance $(ARGS)

watching: $(INSTALLED) tmux ## run the tests of how films arrive, change and disappear
	$(BIN)/pytest --must-run $(AT_ONCE) tests/watching $(ARGS)

faults: $(INSTALLED) tmux ## run the tests that kill, stop, fill and damage: docs/reliability.md
	$(BIN)/pytest --must-run $(AT_ONCE) tests/faults $(ARGS)

films: $(INSTALLED) tmux ## run the tests on the real films of ../shared/films; they skip where it is missing
	$(BIN)/pytest --timeout 900 tests/real_films $(ARGS)

bench: $(INSTALLED) ## time the extractor beside ffmpeg; make bench FILM=... ARGS="-n 5 --slow"
	@command -v ffmpeg > /dev/null || .ci/apt-install ffmpeg
	$(BIN)/python -m benchmarks $(FILM) $(ARGS)

memory: $(INSTALLED) ## measure memory over 5 and 60 minutes of film, and at 40 Mbit/s with 12 workers
	@command -v ffmpeg > /dev/null || .ci/apt-install ffmpeg
	$(BIN)/python -m benchmarks.memory $(ARGS)

accuracy: $(INSTALLED) ## measure how well shots are found and frames chosen, and write docs/accuracy.md
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

scanner: $(INSTALLED) ## measure what a daemon costs that watches 10,000 films
	$(BIN)/python -m benchmarks.scanner $(ARGS)

service-test: $(INSTALLED) ## as root: boot a Debian in namespaces, and test framed there as a service of systemd
	@command -v debootstrap > /dev/null || .ci/apt-install debootstrap
	$(BIN)/pytest --must-run --boot -rA tests/service $(ARGS)

check: $(INSTALLED) ## check format, style, types and who imports whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

picture: $(INSTALLED) tmux ## draw the monitor for the README while a daemon extracts small films: docs/monitor.svg
	mkdir -p build
	$(BIN)/python -m pictures.monitor build/monitor.svg
	mv build/monitor.svg docs/monitor.svg

schema: $(INSTALLED) ## write docs/protocol.schema.json from the types
	mkdir -p build
	$(BIN)/python -m framed.protocol.schema > build/protocol.schema.json
	mv build/protocol.schema.json docs/protocol.schema.json

settings: $(INSTALLED) ## write the tables of extraction settings in docs/configuration.md from their declaration
	$(BIN)/python -m framed.settings.reference docs/configuration.md

fix: $(INSTALLED) ## format, and fix the style where a machine can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(INSTALLED) ## build the wheel, install it into a new environment and ask its commands for their version
	rm -rf dist $(SMOKE)
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/python -m venv $(SMOKE)
	$(SMOKE)/bin/pip install --quiet --constraint requirements.lock dist/*.whl
	$(SMOKE)/bin/python -c 'import frame_extractor.pipeline.film_pipeline, framed.app, framed.demo.run'
	$(SMOKE)/bin/framed --version
	$(SMOKE)/bin/framectl --version
	$(SMOKE)/bin/frame-extractor --version

ci: check test watching faults films build ## check, test, watching, faults, films and build: what .ci/run runs

lock: python ## choose the newest versions that pyproject.toml allows and write them to requirements.lock
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/pip install --quiet '.[dev]'
	{ sed -n '/^#/p' requirements.lock; build/lock/bin/pip freeze --exclude framed; } > build/requirements.lock
	mv build/requirements.lock requirements.lock

# Made anew whenever a version changes, so that it never holds anything that requirements.lock does not name.
$(INSTALLED): pyproject.toml requirements.lock | python
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

python:
	@.ci/python '$(PYTHON)'

tmux:
	@command -v tmux > /dev/null || .ci/apt-install tmux
