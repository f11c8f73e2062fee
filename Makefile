.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check
UV := $(BIN)/uv pip
# bytecode is made once: where Python is told to write none, every process of a cluster would compile it all again
COMPILE := $(BIN)/python -m compileall -q
# tests of one file, or of one cluster, go to one process; those that wait much begin first
GROUPED := --dist loadgroup --no-loadscope-reorder
PARALLEL := -n auto $(GROUPED)
# test modules are compiled once too: pytest rewrites their assertions, a third of the time that collecting takes
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: help setup check test test-fast test-slow coverage demo up bench lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.venv/ready: requirements.lock requirements-dev.lock requirements-setup.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) install --require-hashes -r requirements-setup.lock
	@# an index or a proxy that only pip is told of is asked by pip, which takes a minute instead of ten seconds
	$(UV) install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock || $(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@$(COMPILE) -j 0 -x '/(tests|pip|setuptools|geodata|carrierdata)/' .venv/lib
	@touch $@

setup: .venv/ready ## .venv from the hashed lock
	@$(COMPILE) celeryconfig.py workers tasks ml db domain migrations examples benchmarks

check: setup ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup ## all tests but the slow ones
	$(PYTEST) $(PARALLEL) -m "not slow"

# a process a core, and no module of another kind of test imported
test-fast: setup ## units only, in a minute
	$(PYTEST) -n logical $(GROUPED) -m "unit and not slow" tests/unit tests/contracts

test-slow: setup ## the tests that walk pages, modules, drills and upgrades
	$(PYTEST) $(PARALLEL) -m slow

# a measured test may take three times as long; the table comes also when a test fails
coverage: setup ## branch coverage of each package, from what make test runs (TESTS="tests/unit/ml" for less)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PARALLEL) --timeout 360 -m "not slow" $(TESTS); failed=$$?; \
	$(BIN)/coverage combine -q && $(BIN)/coverage json -q -o - | $(BIN)/python -m tests.support.coverage_table && exit $$failed

demo: setup ## simulated leads in, a ranked worklist out
	$(BIN)/hearth demo

up: setup ## the cluster in the foreground
	$(BIN)/hearth up

bench: setup ## every benchmark, one JSON object each
	$(BIN)/python -m benchmarks.report

lock: setup ## pin the dependencies of pyproject.toml again
	echo uv | $(UV) compile $(LOCK) - -o requirements-setup.lock
	$(UV) compile $(LOCK) pyproject.toml -o requirements.lock
	$(UV) compile $(LOCK) --extra dev pyproject.toml -o requirements-dev.lock

clean: ## remove what was made here
	rm -rf .venv .hearth build .mypy_cache .ruff_cache .coverage .coverage.*
