# What a newcomer types. Everything is installed into .venv, from the locked versions.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast explore storm kills cap check format bench bench-steps bench-pass bench-lanes lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-11s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Install the command and the tools into .venv

$(INSTALLED): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(INSTALLED) ## Watch the whole system carry 200,000 events on this machine
	$(BIN)/audience-pipeline sandbox --events 200000 --connections 3 --audiences 12 --faults mild

test: $(INSTALLED) ## Run every test (a real Apache Kafka too, where Java and Maven are)
	$(BIN)/pytest -n 2 --dist loadfile

test-fast: $(INSTALLED) ## Run the tests that need neither real servers nor minutes
	$(BIN)/pytest -n 2 --dist loadfile -m "not kafka and not storage and not acceptance"

explore: $(INSTALLED) ## Look for what make test does not reach: make explore [SEED=n] [MINUTES=10]
	$(BIN)/python -m tests.explore --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

storm: $(INSTALLED) ## Let everything go wrong from a seed: make storm SEED=1 MINUTES=3 [SEEDS=10]
	$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),3) --seeds $(or $(SEEDS),1)

kills: $(INSTALLED) ## Kill and freeze the owner of snapshots at every state: make kills SEED=1 ROUNDS=1 [SEEDS=3]
	$(BIN)/python -m tests.chaos.snapshot_kills --seed $(or $(SEED),1) --rounds $(or $(ROUNDS),1) --seeds $(or $(SEEDS),1)

cap: $(INSTALLED) ## Measure how much of the cap is used: make cap WINDOWS=10 [REPLICAS=3] [BESIDE=adobe]
	$(BIN)/python -m tests.cap --windows $(or $(WINDOWS),10) --replicas $(or $(REPLICAS),1) $(if $(BESIDE),--beside $(BESIDE))

check: $(INSTALLED) ## Lint, types, layers, words
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.words

format: $(INSTALLED) ## Format the code
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## Measure the hot path
	$(BIN)/python -m benchmarks.hot_path

bench-steps: $(INSTALLED) ## Measure both steps on Apache Kafka: make bench-steps [RECORDS=300000] [ROUNDS=1] [BESIDE=adobe]
	$(BIN)/python -m benchmarks.both_steps --records $(or $(RECORDS),300000) --rounds $(or $(ROUNDS),1) $(if $(BESIDE),--beside $(BESIDE))

bench-pass: $(INSTALLED) ## Measure a pass over an audience on Apache Kafka: make bench-pass [MEMBERS=10000000]
	$(BIN)/python -m benchmarks.members --members $(or $(MEMBERS),10000000)

bench-lanes: $(INSTALLED) ## Measure what idle lanes cost: make bench-lanes [FEW=20] [MANY=1000]
	$(BIN)/python -m benchmarks.whole_lanes --few $(or $(FEW),20) --many $(or $(MANY),1000)

lock: ## Resolve the locked versions anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra sandbox --group pyproject.toml:dev pyproject.toml -o requirements-dev.lock

clean: ## Remove what was installed and built
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
