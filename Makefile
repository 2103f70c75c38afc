# ResiliBot. `make` lists the targets. Needs make and Python 3.11 or newer; uv is fetched from PyPI when it is missing.

UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/.tools/bin/uv)
PYTHON ?= python3
RUN := $(UV) run --frozen
PACKAGES := contracts infra/runtime infra/local $(wildcard services/*)
SOURCES := $(addsuffix /src,$(PACKAGES))
PYTEST := $(RUN) pytest
# in the order of the folders: short files come last, so that no long one is left alone at the end
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
DIAGNOSIS_AT_LEAST := cases=32 top1=0.95 top3=0.95 specificity=0.95 category=0.95 grade=95
LEFT_OUT_AT_LEAST := cases=32 top1=0.92 specificity=0.95
LEFT_OUT_SEEDS := 1 2 3 4 5
export UV

.DEFAULT_GOAL := help
.PHONY: help demo up test check unit integration e2e eval simulate bench schemas openapi

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(CURDIR)/.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet uv==$(UV_VERSION)

##@ Use
demo: $(UV) ## start everything, break a real service, watch it heal (DEMO_ARGS="--yes --drill hung-worker")
	$(RUN) --no-dev resilibot demo $(DEMO_ARGS)

up: $(UV) ## keep it running until ^C (UP_ARGS="--port 8787")
	$(RUN) --no-dev resilibot up $(UP_ARGS)

##@ Develop
test: $(UV) ## everything: unit, contract, architecture, integration, end to end on LocalStack
	$(PYTEST) $(SIDE_BY_SIDE) $(TEST_ARGS)

unit: $(UV) ## the fast tests: no emulator
	$(PYTEST) $(SIDE_BY_SIDE) -m "not integration and not e2e" $(TEST_ARGS)

integration: $(UV) ## the drills and the stores on the embedded emulator
	$(PYTEST) -m integration $(TEST_ARGS)

e2e: $(UV) ## the drill on LocalStack (Docker, or Java 17 and Python 3.13)
	$(PYTEST) -m e2e $(TEST_ARGS)

check: $(UV) ## format, lint, types, import rules, frozen schemas, declared dependencies, security scan
	$(UV) lock --check
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy $(SOURCES)
	$(RUN) lint-imports --no-cache
	$(PYTEST) -q tests/contracts tests/architecture
	$(RUN) bandit --quiet --recursive -ll --configfile pyproject.toml $(SOURCES)
	@set -e; for package in $(PACKAGES); do $(RUN) python -m tests.architecture.isolated $$package; done

eval: $(UV) ## intake, runbook search, diagnosis and watches over the project's own samples, held against what is expected (EVENTS=folder: of others)
	$(RUN) resilibot eval ingest $(or $(EVENTS),tests/samples/ingest --expect tests/samples/ingest/expected.jsonl) $(EVAL_ARGS)
	$(RUN) resilibot eval retrieve --corpus tests/samples/runbooks/books --queries tests/samples/runbooks/queries.jsonl \
		--qrels tests/samples/runbooks/qrels.tsv --at-least 0.80 --out /dev/null
	$(RUN) resilibot eval diagnose tests/samples/diagnosis --truth tests/samples/diagnosis/truth.jsonl --repeat 7 \
		$(foreach limit,$(DIAGNOSIS_AT_LEAST),--at-least $(limit)) --at-most brier=0.06
	$(foreach seed,$(LEFT_OUT_SEEDS),$(RUN) resilibot eval diagnose tests/samples/diagnosis \
		--truth tests/samples/diagnosis/truth.jsonl --without 0.3 --spare-culprit --seed $(seed) \
		$(foreach limit,$(LEFT_OUT_AT_LEAST),--at-least $(limit)) --out /dev/null &&) true
	$(RUN) resilibot eval watch tests/samples/watch --truth tests/samples/watch/truth.jsonl --at-least 0.85 --out /dev/null

simulate: $(UV) ## all services under a seeded adversary, every property after each run (SEEDS=10000 FIRST=0)
	$(RUN) python -m tests.simulation run --seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0) $(SIMULATE_ARGS)

bench: $(UV) ## latency, AWS requests per incident, append throughput, import cost: ratios in one run
	$(RUN) python -m tests.bench $(BENCH_ARGS)

openapi: $(UV) ## write contracts/openapi.json anew from the routes (make check compares it)
	$(RUN) python -m resilibot.local.openapi contracts/openapi.json

schemas: $(UV) ## publish schemas and examples of event versions that have none yet (never changes one)
	$(RUN) python -m resilibot.contracts.publish contracts/schemas
	$(RUN) python -m tests.support.publish_examples
