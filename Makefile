# Everything a person types. `make` alone lists it.
SHELL := /bin/bash
PY := .venv/bin/python
SUITE ?= skeleton

.PHONY: help setup setup-dev demo up test check lint types contracts proto proto-check lock bench proof quicktest settings clean

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Make .venv to run the stack
	@scripts/setup run
setup-dev: ## Make .venv to test and change it
	@scripts/setup dev

demo: setup ## Run the whole stack on embedded defaults and play a scripted conversation
	@$(PY) -m tools.cli demo
up: setup ## Start the stack and show how each service is; Ctrl-C stops it
	@$(PY) -m tools.cli up
quicktest: setup ## Health, Audrey and Carole in a minute
	@$(PY) -m tools.cli quicktest

test: setup-dev ## Run every test
	@$(PY) -m pytest -q
check: lint types contracts proto-check test ## All that CI runs

lint: setup-dev ## Style and format
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
types: setup-dev ## Types, strict
	@.venv/bin/pyright
contracts: setup-dev ## Which room may import which
	@.venv/bin/lint-imports --no-cache | tail -n 20

proto: setup-dev ## Generate the stubs
	@scripts/proto generate
proto-check: setup-dev ## Lint, format and breaking changes of the contracts; prove the stubs fresh
	@scripts/proto check
lock: setup-dev ## Lock the newest allowed versions
	@scripts/lock

bench: setup-dev ## Print the speed and memory ratios
	@$(PY) -m benchmarks.skeleton
proof: setup-dev ## Print the figures of SUITE and fail if one falls short
	@$(PY) -m benchmarks.proof $(SUITE)
settings: setup-dev ## Write the table of settings into the README
	@$(PY) -m tools.settings_table --write

clean: ## Remove .venv and what was built
	@rm -rf .venv build *.egg-info protos/gen/*.egg-info protos/gen/build
