.DEFAULT_GOAL := help
# A worker for each core, each with whole files of tests, longest first; ARGS='-n 0' runs them in one process.
WORKERS = -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# The sizes that the documentation states want four cores; with fewer, those halfway there.
LARGE = $(shell [ "$$(nproc)" -ge 4 ] && echo long || echo middle)
PYTEST = .venv/bin/python -m pytest $(WORKERS)
# Modules are compiled once, whatever the environment says: the tests start hundreds of commands.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help run test test-long check coverage code-coverage lock

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /make \1|/' | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

run: .venv/run       ## set up, then show a made-up provider on http://localhost:8765
	@.venv/bin/upheld demo $(ARGS)

test: .venv/all      ## set up, then every test at its small size (ARGS=... goes to pytest)
	@$(PYTEST) $(ARGS)

test-long: .venv/all ## the same tests at the sizes that the documentation states (halfway there on fewer than four cores)
	@UPHELD_TEST_SIZE=$${UPHELD_TEST_SIZE:-$(LARGE)} $(PYTEST) $(ARGS)

check: .venv/all     ## format, lint, types, imports
	@.venv/bin/ruff format --check
	@.venv/bin/ruff check
	@.venv/bin/mypy
	@cd bench && MYPYPATH=../src:../tests:. ../.venv/bin/mypy --config-file ../pyproject.toml *.py
	@.venv/bin/lint-imports

coverage: .venv/all  ## try each word of the sample policy; write the list of the dead, and the README's statement
	@PYTHONPATH=tests .venv/bin/python -m practices.number

code-coverage: .venv/all ## maintainers: the tests at their small size, and which lines none of them runs
	@.venv/bin/coverage erase
	@.venv/bin/coverage run -m pytest $(WORKERS) $(ARGS)
	@.venv/bin/coverage combine -q
	@.venv/bin/coverage report

lock:                ## maintainers: resolve both locks again
	@sh scripts/lock

.venv/run: pyproject.toml requirements/run.lock scripts/setup
	@sh scripts/setup run && touch $@

.venv/all: pyproject.toml requirements/all.lock scripts/setup
	@sh scripts/setup all && touch $@ .venv/run
