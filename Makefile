.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
# Twice the cores: many tests wait for brokers and processes.
TEST_WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(8, 2 * (os.cpu_count() or 1)))')

.PHONY: help venv demo test test-mutants candidates lint bench bench-ml coverage-plant docs lock soak age field field-slow old-readers kafka test-kafka clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

venv: $(STAMP) ## Make .venv with everything for use and tests

$(STAMP): requirements.lock setup.cfg
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/sensor-platform dbt parse --quiet --target-path target # without the path it would write lineage.json, not check it
	@touch $(STAMP)

demo: venv ## Run the whole platform on real data; Ctrl-C stops it (DEMO_ARGS=--exit ends by itself)
	$(BIN)/sensor-platform demo $(DEMO_ARGS)

test: venv lint ## Lint and run the default test suite
	$(BIN)/pytest -n $(TEST_WORKERS) --dist worksteal

test-mutants: venv ## Empty each module once; a test near it must fail (MUTANTS="stream landing.ledger")
	$(BIN)/python -m sensor_platform_tests.mutants $(MUTANTS)

candidates: venv ## Write the names of the forecast candidates for the warehouse, after a change of their table
	$(BIN)/python -m sensor_platform.predict.forecast.candidates.candidate_table

lint: venv ## ruff, mypy --strict and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: venv ## Every benchmark, one JSON line each
	@for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

bench-ml: venv ## Forecasts on a year kept back, and features of 1,000 series (ML_DATA=folder, ML_ARGS=--quick)
	$(BIN)/python benchmarks/bench_ml.py $(ML_DATA) $(ML_ARGS)
	$(BIN)/python benchmarks/bench_predict.py

coverage-plant: venv ## Coverage of the forecasts in force in a simulated plant, one JSON line (PLANT_ARGS="--seeds 2")
	$(BIN)/python benchmarks/bench_forecast_coverage.py $(PLANT_ARGS)

age: venv ## An aged home beside one of a day: what a look, commit, slot, status, audit and page start cost (DAYS=365)
	$(BIN)/python -m sensor_platform_tests.age --days $(or $(DAYS),30) $(AGE_ARGS)

soak: venv ## The long tests that are not in the default suite
	$(BIN)/pytest -m soak -n 0

field: venv ## What is made of payloads of the field, under their contracts and with none; exit 1 on a wrong one
	$(BIN)/python -m sensor_platform_tests.field

field-slow: venv ## The tests of faults found in the field that take more than a few seconds
	$(BIN)/pytest sensor_platform_tests/field -m field_slow -n 0

kafka: venv ## Fetch the pinned Kafka broker with Maven (Java 17) for tests; BROKERS=1 or 3 also runs them on the loopback
	$(BIN)/python -m sensor_platform_tests.kafka $(BROKERS)

test-kafka: venv ## The tests on real Kafka brokers
	$(BIN)/python -m sensor_platform_tests.kafka
	$(BIN)/pytest sensor_platform_tests/kafka -m kafka -n 0

OLD_READERS := 1.1.3 1.4.0
old-readers: venv ## Read FILES="published/analytics.duckdb snapshot.duckdb" with DuckDB 1.1 and 1.4 (downloads them)
	@for version in $(OLD_READERS); do \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .venv/duckdb-$$version duckdb==$$version || exit 1; \
		PYTHONPATH=.venv/duckdb-$$version $(BIN)/python sensor_platform_tests/warehouse/old_readers.py $(FILES) || exit 1; \
	done
	@$(BIN)/python sensor_platform_tests/warehouse/old_readers.py $(FILES)

docs: venv ## dbt's documentation site, one page: dbt_project/target/static_index.html
	$(BIN)/sensor-platform dbt docs generate --static

lock: ## Write requirements.lock anew from setup.cfg (needs uv)
	uv pip compile setup.cfg --extra test --extra kafka --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --quiet --no-strip-extras --output-file requirements.lock

clean: ## Remove .venv and everything generated; data folders stay
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache dbt_project/target dbt_project/logs
