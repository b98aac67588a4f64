# Everything is installed into .venv and named by its path there: nothing has to be activated, and
# nothing but make and a Python >= 3.11 has to be on the machine.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
INSTALLED := .venv/.installed
AZ_INSTALLED := .venv-az/.installed
AZ_VERSION := 2.91.0
# More for pytest: make test ARGS="-k plan -x"
ARGS ?=

# The oldest Python that is new enough: the one that the checks run on.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

# Containers often have this set. A command would then compile every module that it imports, each
# time anew: twice the time of most commands, and of a Prefect server's start.
export PYTHONDONTWRITEBYTECODE :=
# Compiled afterwards, on all cores.
PIP_INSTALL := -m pip install --quiet --quiet --disable-pip-version-check --no-compile
OURS := flows tasks deployments vmpool oa_vm local_azure
# The lock is whole, so pip need not resolve anything. Old pips can't with hashes: they take the
# newest release for a dependency with an extra (`sqlalchemy[asyncio]`), and then miss its pin.
LOCKED := $(PIP_INSTALL) --no-deps --require-hashes
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: help install demo up check test test-e2e az test-az bench bench-cost lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Everything into .venv, versions and hashes as in constraints.txt

# Wheels only: building a source distribution would fetch its build tools past the hashes.
$(INSTALLED): constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python >= 3.11 here: install one, or name it: make PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (a minute or two the first time)"
	@$(BIN)/python $(LOCKED) --only-binary :all: -r constraints.txt
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip check >/dev/null || { $(BIN)/python -m pip check; exit 1; }
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib $(OURS) || true # what does not compile says so when it is used
	@touch $@

demo: $(INSTALLED) ## The main job on the local Azure: create, pause, resume; about two minutes
	@$(BIN)/oa-vm demo

up: $(INSTALLED) ## Prefect server, local Azure, deployments and a Prefect worker until Ctrl-C
	@$(BIN)/oa-vm up

check: $(INSTALLED) ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: $(INSTALLED) ## All tests but the next two, on three processes: six minutes
	$(BIN)/pytest -m "not e2e and not az" -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-e2e: $(INSTALLED) ## Tests with a real Prefect server and worker: some minutes
	$(BIN)/pytest -m e2e $(ARGS)

az: $(AZ_INSTALLED) ## The az command line into .venv-az (700 MB), for make test-az

# In a venv of its own: azure-cli pins its own versions of what we use.
$(AZ_INSTALLED): constraints-az.txt
	@test -x .venv-az/bin/python || $(PYTHON) -m venv .venv-az
	@echo "installing azure-cli $(AZ_VERSION) into .venv-az (a minute or two)"
	@.venv-az/bin/python $(LOCKED) -r constraints-az.txt
	@.venv-az/bin/python -m compileall -qq -j 0 .venv-az/lib || true # as above
	@touch $@

test-az: $(INSTALLED) $(AZ_INSTALLED) ## Tests that drive the real az command line
	$(BIN)/pytest -m az $(ARGS)

bench: $(INSTALLED) ## Makespan against the longest worker: ARGS="--workers 1,4,16,64"
	$(BIN)/python benchmarks/makespan.py $(ARGS)

bench-cost: $(INSTALLED) ## Tracked cost against the meter in 1,000 random lives of pools: half an hour or more
	$(BIN)/python -m benchmarks.cost_accuracy $(ARGS)

# Not by way of $(INSTALLED): that would first install what is about to be renewed.
lock: ## Renew constraints.txt and constraints-az.txt: newest versions, new hashes
	@test -x $(BIN)/uv || { echo "make: run make install first" >&2; exit 1; }
	$(COMPILE) --upgrade --group dev pyproject.toml --output-file constraints.txt
	echo "azure-cli==$(AZ_VERSION)" | $(COMPILE) --upgrade - --output-file constraints-az.txt

clean: ## Stop what runs in the background, remove both venvs and every cache
	-@test ! -x $(BIN)/oa-vm || $(BIN)/oa-vm down
	rm -rf .venv .venv-az .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
