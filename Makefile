# Each verb sets up what it needs in .venv, once: a stamp file there is renewed when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
EXAMPLES ?= 5000
REQUESTS ?= 1000
SEED ?=

.PHONY: help demo test check fuzz proof e2e bench
.DELETE_ON_ERROR:

help:  ## list the verbs
	@sed -n 's/^\([a-z0-9]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

demo: $(VENV)/.run  ## serve a few rules over HTTPS on loopback, post requests, compare the answers
	@$(BIN)/python deploy/demo/run.py

test: $(VENV)/.dev  ## all tests, in parallel
	@$(BIN)/python -m pytest -n auto -rs $(PYTEST_ARGS)

check: $(VENV)/.dev  ## lint, format, types, and the direction of imports
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

fuzz: $(VENV)/.dev  ## random texts and expressions: generated code, the evaluator, the API server's CEL (needs Go); EXAMPLES=N, SEED=N
	@seed=$(or $(SEED),$$(date +%s)); echo "seed $$seed" \
	&& ADMIT_FUZZ=$(EXAMPLES) ADMIT_FUZZ_SEED=$$seed $(BIN)/python -m pytest -n auto --hypothesis-seed=$$seed \
		tests/cel/test_any_input.py tests/cel/test_differential.py \
	&& $(BIN)/python -m tests.oracle.compare $(EXAMPLES) --seed $$seed

proof: $(VENV)/.dev  ## what every bundled policy is exported as, asked the same as the policy; REQUESTS=N of each
	@ADMIT_PROOF=$(REQUESTS) $(BIN)/python -m pytest -n auto -rs tests/exporters/test_proof.py

e2e: $(VENV)/.dev  ## a real API server: its own decisions, its webhook, exports in it (needs Go; the first time it takes minutes to build)
	@ADMIT_E2E=1 $(BIN)/python -m pytest -rs tests/e2e

bench: $(VENV)/.bench  ## expressions, rule sets, the server and what it adds to an API server, side by side with their peers
	@$(BIN)/python bench/cel.py
	@$(BIN)/python bench/decide.py
	@$(BIN)/python bench/webhook.py
	@$(BIN)/python bench/apiserver.py

$(VENV)/.run: EXTRAS :=
$(VENV)/.dev: EXTRAS := [dev]
$(VENV)/.bench: EXTRAS := [dev,bench]

$(VENV)/.run $(VENV)/.dev $(VENV)/.bench: pyproject.toml | $(BIN)/python
	@echo "setting up $(VENV)$(EXTRAS)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(EXTRAS)'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)
