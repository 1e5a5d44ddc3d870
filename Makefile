# Everything is made inside .venv; a stamp there remembers what was installed from which setup.cfg,
# so a second run installs nothing. `make test ARGS="-k chunked"` hands ARGS on to the program.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The whole suite runs in one process more than there are cores, because many tests wait for other
# programs and for time to pass; with two more, tests of time fail. A selection starts faster in one.
CORES := $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
PROCESSES ?= $(if $(ARGS),0,$(shell expr $(CORES) + 1))
SPREAD := -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

# Bytecode is kept, whatever the environment says: to rewrite the assertions of all tests for each
# run takes longer than to collect them.
export PYTHONDONTWRITEBYTECODE :=

# What each stamp installs beside the package itself.
EXTRA_serve :=
EXTRA_test := [test]
EXTRA_bench := [bench]

.PHONY: help serve test check bench cover clean

help: ## list the targets
	@echo 'make TARGET [ARGS="..."] [PYTHON=python3]'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-7s %s\n", $$1, $$2 }' Makefile

serve: $(VENV)/installed-serve ## serve the demo on http://127.0.0.1:8000 (ARGS="--port 9000")
	@$(BIN)/python -m streamserver $(ARGS)

test: $(VENV)/installed-test $(VENV)/node/installed ## run every test (ARGS="-k chunked")
	@$(BIN)/python -m pytest $(SPREAD) $(ARGS)

check: $(VENV)/installed-test ## ruff, mypy --strict, and the shape: layers, circles, sizes
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_frame.py

bench: $(VENV)/installed-bench ## compare with other servers on this machine
	@$(BIN)/python -m benchmarks --json benchmarks/results.json --svg benchmarks/results.svg $(ARGS)

cover: $(VENV)/installed-test $(VENV)/node/installed ## run every test, then show the lines and branches none reached
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(SPREAD) $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

clean: ## remove all that make made
	@rm -rf $(VENV) build *.egg-info .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find streamserver tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# Most of what is installed is never imported: it is compiled when it is.
$(VENV)/installed-%: setup.cfg pyproject.toml | $(BIN)/pip
	@echo 'installing streamserver$(EXTRA_$*) into $(VENV)'
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --editable '.$(EXTRA_$*)'
	@touch $@

# Without ensurepip (Debian keeps it in python3-venv) `venv` would leave half an environment behind.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'streamserver needs Python 3.11 or newer as $(PYTHON): try make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo '$(PYTHON) cannot make a virtual environment: on Debian, apt install python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# The JavaScript clients that tests use. Where npm is missing or fails, those tests say so.
$(VENV)/node/installed: tests/package.json | $(BIN)/pip
	@mkdir -p $(@D) && cp tests/package.json $(@D)
	@if npm install --prefix $(@D) --silent --no-package-lock --no-audit --no-fund; \
	  then touch $@; else echo 'npm could not install tests/package.json: the tests of those clients cannot run'; fi
