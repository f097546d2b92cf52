# Every target sets up what it needs first; when nothing is missing that takes a tenth of a second.

PYTHON ?= python3
PORT ?= 5000
ARGS ?=

SYSTEM_PATH := $(PATH)
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Nothing is fetched and nothing is reported while the pipeline or the tests run.
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1
export DVC_NO_ANALYTICS ?= 1
export MLFLOW_DISABLE_TELEMETRY ?= true
export DO_NOT_TRACK ?= 1
# On a few shared cores OpenMP's spinning barriers make training 4 to 25 times slower.
export OMP_WAIT_POLICY ?= passive

BOOTSTRAP := PATH="$(SYSTEM_PATH)" $(PYTHON) tools/bootstrap.py

# The columns to compare experiments by: every knob, and the figures that decide.
SHOWN := Experiment|State|(lamp|corpus|model|score)_|kept$$|metrics/model_.*val_loss|Q4_K_M\.(valid|on_brief|median_ms)$$

.DEFAULT_GOAL := help
.PHONY: setup repro test test-slow lint format bench dashboard experiments dist lock clean help

setup: ## build .venv; only what is missing (first time: about 6 minutes on 2 cores)
	@$(BOOTSTRAP)

repro: setup ## run the stages of dvc.yaml that are out of date
	@dvc repro $(ARGS)

test: setup ## run the tests, less the slow ones and what measures speed (ARGS="-k lamp -x" goes to pytest)
	@# a file stays with one process: its tests share what takes long to make
	@pytest -m "not slow" --ignore=tests/benchmarks -n auto --dist loadfile $(ARGS)

test-slow: setup ## run the slow tests
	@pytest -m slow --ignore=tests/benchmarks $(ARGS)

lint: setup ## check style, formatting and types
	@ruff check . && ruff format --check . && mypy

format: setup ## rewrite the code in the common format
	@ruff check --fix . ; ruff format .

bench: ## measure speed: tests/benchmarks, with llama-bench compiled from the same source
	@$(BOOTSTRAP) --llama-bench
	@pytest tests/benchmarks -m "" --benchmark-enable -s $(ARGS)

dashboard: setup ## show the MLflow runs on http://127.0.0.1:5000 (PORT=...)
	@mkdir -p mlruns
	@echo 'Runs on http://127.0.0.1:$(PORT); choose "Model training" at the top left (the browser keeps it).'
	@# one viewer needs neither four workers nor a job queue
	@MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow ui --workers 1 \
		--backend-store-uri sqlite:///mlruns/mlflow.db --host 127.0.0.1 --port $(PORT)

experiments: setup ## compare experiments: the figures and the knobs that differ
	@dvc exp show --only-changed --drop '(?!$(SHOWN)).*' $(ARGS)

dist: setup ## build the wheels that a device is set up from (ARGS="--machine aarch64": for a Raspberry Pi 5)
	@python -m tools.dist $(ARGS)

lock: ## resolve pyproject.toml into requirements.lock and requirements-pi.lock
	@$(BOOTSTRAP) --lock

clean: ## remove caches and build leftovers; .venv, data, models and runs stay
	@rm -rf build dist lampforge.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	@find stages tests tools -type d -name __pycache__ -prune -exec rm -rf {} +

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
