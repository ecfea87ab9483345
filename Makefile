# Two commands: `make up` starts everything with sample data, `make test` passes the tests.
# Needs Python 3.11+ with venv and a Python package registry; no root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8443
DAYS ?= 31
SEED ?= 1
CYCLES ?= 2000
PG15 ?= /usr/lib/postgresql/15/bin
SQL := schema.py retention.py engine.py database_rights.py leaving.py two_people.py gate.py
UV := $(BIN)/uv
PYTEST := $(BIN)/python -m pytest -q -p no:randomly --durations=15
COMPILE := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --group build

.DEFAULT_GOAL := help
.PHONY: help up test test-machine test-attacks test-policy test-journeys test-15 mutate fuzz tls sabotage rehearse crash lint bench reference lock clean

help:  ## Show these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Strongroom needs Python 3.11 or newer: make PYTHON=python3.12 up"'
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src  # processes of other users may not write what they compiled, at each start anew
	touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

$(VENV)/bench.stamp: requirements-bench.lock $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	touch $@

up: $(VENV)/run.stamp  ## Start everything on this machine with sample data, HTTPS on PORT
	$(BIN)/strongroom up --demo --port $(PORT)

test: $(VENV)/dev.stamp lint  ## Lint, types, import contracts and every test, in processes with a house each
	$(MAKE) --no-print-directory --keep-going --output-sync=target -j2 test-journeys test-policy test-machine test-attacks

test-machine: $(VENV)/dev.stamp
	$(PYTEST) tests $(addprefix --ignore=tests/,policy journeys leaks attacks crash fuzz)

test-attacks: $(VENV)/dev.stamp
	$(PYTEST) tests/attacks tests/fuzz

test-policy: $(VENV)/dev.stamp
	$(PYTEST) tests/policy

test-journeys: $(VENV)/dev.stamp
	$(PYTEST) tests/journeys tests/leaks

test-15: $(VENV)/dev.stamp  ## What meets the database, again on Debian's PostgreSQL 15
	STRONGROOM_TEST_PG_BINDIR=$(PG15) $(PYTEST) tests/application tests/journeys/test_live.py $(addprefix tests/policy/test_,$(SQL))

mutate: $(VENV)/dev.stamp  ## Change the rules that matter and every bit of a journal: is it noticed
	$(BIN)/python -m tests.mutation
	STRONGROOM_ALL_BITS=1 $(PYTEST) tests/attacks/test_journal_bits.py

fuzz: $(VENV)/dev.stamp  ## Fuzz every decoder with new bytes, fifty times as long as the suite
	STRONGROOM_FUZZ=50 $(PYTEST) tests/fuzz/test_decoders.py

.venv-tls/stamp: requirements-tls.lock
	$(PYTHON) -m venv .venv-tls
	.venv-tls/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tls.lock
	touch $@

tls: $(VENV)/dev.stamp .venv-tls/stamp  ## The website's TLS as sslyze sees it, by Mozilla's "modern"; sslyze in a venv of its own
	$(BIN)/python -m tests.attacks.tls .venv-tls/bin/sslyze

sabotage: $(VENV)/run.stamp  ## Break each promise on purpose and see its tile turn
	$(BIN)/strongroom drill sabotage

rehearse: $(VENV)/run.stamp  ## DAYS of business with faults from SEED, judged after every step
	$(BIN)/strongroom rehearse --days $(DAYS) --seed $(SEED) --faults

crash: $(VENV)/dev.stamp  ## Kill at any system call, CYCLES receipts among it (root and strace)
	STRONGROOM_CRASH_CYCLES=$(CYCLES) $(BIN)/python -m pytest -q -s -p no:randomly tests/crash

lint: $(VENV)/dev.stamp  ## ruff, mypy strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/bench.stamp  ## Time what we claim beside peers and limits, at sizes of ten minutes; bench NAME --sizes for others
	$(BIN)/strongroom bench seal
	$(BIN)/strongroom bench receipt
	$(BIN)/strongroom bench reveal
	$(BIN)/strongroom bench forget
	$(BIN)/strongroom bench search
	$(BIN)/strongroom bench journal
	$(BIN)/strongroom bench scan
	$(BIN)/strongroom bench pages

reference: $(VENV)/run.stamp  ## Write the reference pages anew from the program
	$(BIN)/strongroom reference docs/reference

lock: $(VENV)/dev.stamp  ## Make the lock files anew (hashes, no host)
	$(COMPILE) -o requirements.lock
	$(COMPILE) --group dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) --extra bench -c requirements.lock -o requirements-bench.lock
	echo "sslyze==6.3.1" | $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate - -o requirements-tls.lock

clean:  ## Remove the virtual environment
	rm -rf $(VENV) .venv-tls
