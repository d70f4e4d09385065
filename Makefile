PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.locked
STACK := $(RUN) -m deploy.dev.stack
ARGS ?=
.DEFAULT_GOAL := help

# Every target below is a command, not a file, except the stamp of the environment.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' $(MAKEFILE_LIST))

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## everything with demo data, until Ctrl-C; data is kept (ARGS="--port reporting=8080")
	@$(STACK) demo $(ARGS)

up: $(STAMP) ## everything in the background, without demo data
	@$(STACK) up $(ARGS)

down: $(STAMP) ## stop it; data is kept
	@$(STACK) down

status: $(STAMP) ## what runs, and is it ready
	@$(STACK) status

logs: $(STAMP) ## follow every log
	@$(STACK) logs

psql: $(STAMP) ## SQL shell (ARGS=members|loans|reporting|postgres)
	@$(STACK) psql $(ARGS)

clean: $(STAMP) ## remove the stack's data, logs and keys
	@$(STACK) clean

test: $(STAMP) web ## all tests but bench and long chaos, on their own throw-away engines (ARGS="-k words")
	@$(RUN) -m pytest tests --ignore tests/bench -m "not chaos" $(ARGS)

chaos: $(STAMP) ## long rounds of killing processes under load
	@$(RUN) -m pytest tests --ignore tests/bench -m chaos $(ARGS)

bench: $(STAMP) web ## measure; wants a quiet machine
	@$(RUN) -m pytest tests/bench -s --timeout 3600 $(ARGS)

lint: $(STAMP) ## style, and the rules of the house
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m pytest -q tests/test_house.py

types: $(STAMP) ## mypy, strict
	@$(RUN) -m mypy

fmt: $(STAMP) ## format, and fix what can be fixed
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

contracts: $(STAMP) ## write the generated contracts anew
	@$(RUN) -m contracts.generate

contracts-check: $(STAMP) ## are they fresh, and compatible both ways?
	@$(RUN) -m contracts.generate --check

web: $(STAMP) ## the dashboard's page, if it is stale
	@$(RUN) -m deploy.dev.webpage

web-check: $(STAMP) ## types and unit tests of the page
	@$(RUN) -m deploy.dev.webpage check

lock: $(STAMP) ## compile requirements*.txt from requirements*.in (ARGS=--upgrade)
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) -m deploy.dev.lock $(ARGS)

lock-check: $(STAMP) ## is the lock the one the inputs ask for?
	@$(RUN) -m deploy.dev.lock --check

venv: $(STAMP) ## the Python environment, from the hash-locked requirements
	@:

$(STAMP): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=…"; exit 1; }
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked requirements into $(VENV) (half a minute the first time)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.txt
	@touch $@
