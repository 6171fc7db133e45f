# `make demo` and `make test` do everything themselves: they need Python 3.11+, make, and the package registries.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CORE   := .venv-core

.PHONY: demo test bench lint core lock clean tools

demo: $(VENV)/installed
	$(BIN)/tessera demo

test: lint core tools
	$(BIN)/pytest -q tests/unit tests/contract tests/integration tests/e2e

# Every figure of tests/bench/README.md, each with its peer in the same run. Wants a quiet machine.
bench: $(VENV)/installed
	$(BIN)/python -m tests.bench.bench_population
	$(BIN)/python -m tests.bench.bench_pipeline
	$(BIN)/python -m tests.bench.bench_ingest_memory
	$(BIN)/python -m tests.bench.bench_store_load
	$(BIN)/python -m tests.bench.bench_training
	$(BIN)/python -m tests.bench.bench_lookalike_scan
	$(BIN)/python -m tests.bench.bench_scale --persons 50000
	$(BIN)/python -m tests.bench.bench_api
	$(BIN)/python -m tests.bench.bench_audiences
	$(BIN)/python -m tests.bench.bench_cli_start
	$(BIN)/python -m tests.bench.bench_identity
	$(BIN)/python -m tests.bench.bench_churn
	$(BIN)/python -m tests.bench.bench_cross_device worlds
	$(BIN)/python -m tests.bench.bench_cluster
	$(BIN)/python -m tests.bench.bench_guards
	$(BIN)/python -m tests.bench.bench_undo --trips 1000
	$(BIN)/python -m tests.bench.bench_store_delta
	$(BIN)/python -m tests.bench.bench_one_event
	$(BIN)/python -m tests.bench.bench_refresh

# The core install, in an environment of its own: proves that nothing in it needs torch, neo4j or any other extra.
core: $(CORE)/installed
	$(CORE)/bin/pytest -q tests/core

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What tests need beside Python: `docker compose config`, without an engine.
tools:
	@command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || sh tests/install_tools.sh

lock: $(BIN)/uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock

$(BIN)/uv:
	sh tests/make_venv.sh $(PYTHON) $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check uv

$(VENV)/installed: pyproject.toml requirements.lock | $(BIN)/uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps -e .
	@touch $@

$(CORE)/installed: pyproject.toml requirements.lock | $(BIN)/uv
	$(BIN)/uv venv -q --clear $(CORE) --python $(BIN)/python
	VIRTUAL_ENV=$(CORE) $(BIN)/uv pip install -q -c requirements.lock -e . pytest httpx2 hypothesis
	@touch $@

clean:
	rm -rf $(VENV) $(CORE) tessera-home build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
