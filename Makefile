# Everything a person does here. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help demo test release audit bench bench-training

PYTHON ?= python3
BIN := .venv/bin

help: ## List what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]' --constraint constraints.txt
	@touch $@

demo: .venv/.installed ## Grade an invented class of 30 and show where the results are
	$(BIN)/autograder release 02_batchnorm_by_hand
	$(BIN)/autograder sample-class 02_batchnorm_by_hand
	$(BIN)/autograder grade 02_batchnorm_by_hand

test: .venv/.installed ## Run every test there is
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest
	$(BIN)/pytest --nbval-lax solutions

release: .venv/.installed ## Make notebooks/ from solutions/
	$(BIN)/autograder release

bench-training: .venv/.installed ## Measure training beside the loops of the seeds, and write docs/benchmarks.md (5 minutes)
	PYTHONPATH=. $(BIN)/python -m benchmarks.training

audit: .venv/.installed ## Show what each hidden check catches
	@for lesson in solutions/*/; do $(BIN)/autograder audit $$(basename $$lesson) || exit 1; done

bench: .venv/.installed ## Measure speed and memory beside nbgrader's, and write docs/benchmarks.md (25 minutes)
	PYTHONPATH=. $(BIN)/python -m benchmarks
