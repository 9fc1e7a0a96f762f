# Everything a person types. `make` alone lists it.
SHELL := /bin/bash
PY := .venv/bin/python
SUITE ?= skeleton

.PHONY: help setup setup-dev demo up load test check lint types contracts proto proto-check lock bench proof quicktest drill-rollback cost-report weekly-report settings reference manifests preflight preflight-tenant support-bundle images tools clean

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
load: setup ## Load a stack of its own and judge each RPC by ratios; OUT=folder keeps table and picture
	@$(PY) -m tools.cli load $(if $(OUT),--out $(OUT))
drill-rollback: setup ## Take hybrid away from four routers in three ways, and print the seconds
	@$(PY) -m tools.cli drill rollback --own
cost-report: setup ## What a month costs, from list prices and assumptions
	@$(PY) -m tools.cli report cost --assume
weekly-report: setup ## Compare the two systems over a week, on the running stack
	@$(PY) -m tools.cli report weekly

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
reference: setup-dev ## Write docs/REFERENCE.md from the contracts' comments
	@$(PY) -m tools.reference_page --write
manifests: ## Render the Kubernetes manifests that the checks read
	@scripts/manifests
images: ## Build one image for each service, with docker or podman, and look into each
	@scripts/images
preflight: setup ## Check the running stack before customers come
	@$(PY) -m tools.cli preflight
preflight-tenant: setup ## Check one company before it goes live: TENANT=…
	@$(PY) -m tools.cli preflight --tenant $(TENANT)
support-bundle: setup ## Logs, states and settings in one file, secrets removed
	@$(PY) -m tools.cli support-bundle
tools: ## Install grpcurl, ghz and Prometheus into .venv/bin where they can be had
	@scripts/tools

clean: ## Remove .venv and what was built
	@rm -rf .venv build *.egg-info protos/gen/*.egg-info protos/gen/build
