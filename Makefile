# `make` alone prints the targets.  Everything lives in .venv; nothing is installed elsewhere.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup demo up down check format test test-stack-database test-faults test-attacks test-soak bench-runs bench-api bench-redaction bench-failures bench-repair bench-missions check-golden cover-missions openapi lock clean

help:  ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# The stamp holds the locks' state: a changed lock or pyproject sets up again, nothing else does.
.venv/.setup-dev: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; call make PYTHON=/path/to/python3.11")'
	@echo "setting up .venv: about half a minute" >&2
	@$(PYTHON) -m venv .venv >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . >&2
	@$(BIN)/python -m compileall -q moonmind api_service >&2
	@touch $@

setup: .venv/.setup-dev  ## set up .venv (then .venv/bin/moonmind exists)

demo: setup  ## break the demo service and watch one instruction repair it (KEEP=1 leaves it up, REMOVE=name chooses the package)
	@$(BIN)/moonmind demo $(if $(KEEP),--keep) $(if $(REMOVE),--remove $(REMOVE))

up: setup  ## start the embedded stack here and stay (Ctrl-C stops it)
	@$(BIN)/moonmind up

down: setup  ## stop the embedded stack
	@$(BIN)/moonmind down

check: setup  ## format, lint, types and import contracts, as CI does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: setup  ## all tests that this machine can run; MOONMIND_REQUIRE=docker,rabbitmq,browser makes a missing part a failure
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-stack-database: setup  ## the database tests on the stack's PostgreSQL 17 instead of the embedded 18 (needs Docker)
	scripts/with-stack-database.sh $(BIN)/pytest -q -n 2 tests/contract tests/integration/engine tests/integration/orchestrator/test_runs.py

LANES ?= 4
test-faults: setup  ## break everything at once and look what becomes of it (needs Docker, cc, root; half an hour; SHORT=1: each fault once; ROUNDS=12; ONLY=part-of-a-name)
	$(BIN)/python -m tests.faults --lanes $(LANES) $(if $(ONLY),--only $(ONLY)) $(if $(SHORT),--rounds 1,--rounds $(or $(ROUNDS),12) $(if $(ONLY),,--soak))

test-soak: setup  ## 200 runs, two workers, one of them killed every five seconds for two minutes (needs Docker, cc, root)
	$(BIN)/python -m tests.faults --rounds 0 --soak

test-attacks: setup  ## attack a running system, then look what became of it (minutes; CASES=5000 of Schemathesis, EXAMPLES=2000 of each property)
	CASES=$(or $(CASES),5000) EXAMPLES=$(or $(EXAMPLES),2000) $(BIN)/python -m pytest -q tests/attacks --timeout 1800 $(ARGS)

BASE ?= 5a7b539
bench-runs: setup  ## is the main job slower than at commit BASE? (ROUNDS=15; NEW=commit instead of the working tree; ARGS=--json)
	@$(BIN)/python scripts/bench_runs.py --base $(BASE) $(if $(NEW),--new $(NEW)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

bench-api: setup  ## do lists and details stay as fast with 100,000 runs as with 100? (ROUNDS=60; ROWS=100000; ARGS=--json)
	@$(BIN)/python scripts/bench_api.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ROWS),--rows $(ROWS)) $(ARGS)

bench-redaction: setup  ## is redaction fast enough? 100 MB at 20 MB/s on one core, a line of 10 MB within a second
	@$(BIN)/python scripts/bench_redaction.py

bench-failures: setup  ## are real failures decided as an expert would? asks the real indexes (ONLY=part-of-a-name; RECORD=1 keeps the answers for the tests)
	@PYTHONPATH=. $(BIN)/python scripts/bench_failures.py $(if $(ONLY),--only $(ONLY)) $(if $(RECORD),--record)

bench-repair: setup  ## repair services that lack packages, beside other tools (SETS=file; LIMIT=n; TOOLS=moonmind,naive,pipreqs,pigar; INDEX=mirror: squatters included, WHEELS=folders of real wheels or FILL=1)
	@PYTHONPATH=. $(BIN)/python scripts/bench_repair.py $(SETS) $(if $(LIMIT),--limit $(LIMIT)) $(if $(TOOLS),--tools $(TOOLS)) $(if $(INDEX),--index $(INDEX)) $(if $(WHEELS),--wheels $(WHEELS)) $(if $(FILL),--fill)

bench-missions: setup  ## is a mission of 100 packages and 10,000 events read at once? beside `python -c pass` (ROUNDS=15)
	@$(BIN)/python scripts/bench_missions.py $(if $(ROUNDS),--rounds $(ROUNDS))

check-golden: setup  ## do the golden cases of the missions notice each core swapped for a constant, and drive every branch? (minutes)
	@$(BIN)/python -m tests.golden.check

cover-missions: setup  ## branch coverage of the cores of the missions by unit tests without I/O (95 % at least)
	@$(BIN)/coverage run --branch --source=moonmind.missions --data-file=.coverage.missions -m pytest -q -p no:cacheprovider tests/unit/missions
	@$(BIN)/coverage report --data-file=.coverage.missions --fail-under=95 --include='*/missions/transition/*,*/missions/requirements.py,*/missions/status.py,*/missions/graph.py,*/missions/finalize.py,*/missions/reducer.py,*/missions/workflow.py'

openapi: setup  ## re-make the committed OpenAPI document from the code
	@$(BIN)/python scripts/export_openapi.py

lock:  ## re-make the lock files from pyproject.toml (needs uv)
	scripts/lock.sh

clean:  ## remove what setup and the demo made (not your services)
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache test-output
