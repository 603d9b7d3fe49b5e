# Needs python3 (3.11 or newer), make and git; everything else is fetched into .venv and .build.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
STAGE ?= dev
LAYER_ARCH ?= arm64
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export LAYER_ARCH

PY := .venv/bin/python
TOOL := $(PY) -m local.tools
CODE := $(wildcard layers/core/python/musubi functions infra local tests)
# A file stays on one worker; in the order in which they are named, so that the longest (flows) do not come last.
IN_ORDER := --dist loadfile --no-loadscope-reorder
tests = $(wildcard $(addprefix tests/,$(1)))

.PHONY: help setup layers layers-local layers-aws synth diff bootstrap deploy doctor up down clock demo soak bench bodies musubi screenshot \
	check test lint types imports tables fmt lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "  STAGE=dev|stg|prod (default $(STAGE))   PORT_BASE=4600   LAYER_ARCH=arm64|x86_64"

# --- setting up ----------------------------------------------------------------------------------
setup: .venv/.done .build/ministack/.done .build/cdk/.done ## make .venv, the embedded AWS and the CDK command line

.build/uv/.done: local/tools/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python3 is older than 3.11: make PYTHON=python3.13 ...")'
	@$(PYTHON) -m local.tools.setup uv
	@touch $@

.venv/.done: requirements.lock .build/uv/.done
	@$(PYTHON) -m local.tools.setup venv
	@touch $@

.build/ministack/.done: local/requirements.txt .venv/.done
	@$(PYTHON) -m local.tools.setup ministack
	@touch $@

.build/cdk/.done: local/tools/cdk_cli/package-lock.json .venv/.done
	@$(PYTHON) -m local.tools.setup cdk
	@touch $@

doctor: ## say which tools are used, what is missing and how to mend it
	@$(PYTHON) -m local.tools.doctor

lock: .build/uv/.done ## write the lock files from pyproject.toml; UPGRADE=1 takes newer versions
	@UPGRADE=$(UPGRADE) $(PYTHON) -m local.tools.lock

clean: ## remove everything that was built or is local state
	@if [ -d .local ] && [ -x $(PY) ]; then $(PY) -m local.stack down || true; fi
	rm -rf .venv .build .local cdk.out

# --- AWS -----------------------------------------------------------------------------------------
layers: layers-local layers-aws ## build the Lambda layers for the local stack and for AWS, without Docker

layers-local: .venv/.done
	@$(TOOL).layers local

layers-aws: .venv/.done
	@$(TOOL).layers aws

synth: setup layers-aws ## write the CloudFormation templates of STAGE into cdk.out
	@$(TOOL).cdk synth $(STAGE)

diff: setup layers-aws ## compare STAGE with what is deployed
	@$(TOOL).cdk diff $(STAGE)

bootstrap: setup layers-aws ## prepare the AWS account of your credentials for the CDK, once per region
	@$(TOOL).cdk bootstrap $(STAGE)

deploy: setup layers-aws ## deploy STAGE into the AWS account of your credentials
	@$(TOOL).cdk deploy $(STAGE)

# --- the whole system on this machine -------------------------------------------------------------
up: setup layers-local ## start the embedded AWS, LINE simulator and demo shop; returns when healthy
	@$(PY) -m local.stack up

down: .venv/.done ## stop what `make up` started
	@$(PY) -m local.stack down

clock: .venv/.done ## move business time: make clock AT=2026-12-24T09:00+09:00, or AT=now
	@$(PY) -m local.clock $(or $(AT),$(error AT is missing: make clock AT=2026-12-24T09:00+09:00))

demo: setup layers-local ## play the three threads as a story; HOLD=1 stays up
	@$(PY) -m local.demo

screenshot: .venv/.done ## take the README's pictures from a demo that is held up
	@$(PY) -m local.screenshot

soak: setup layers-local ## 1,000 members and 3,000 events under 5 % faults
	@$(PY) -m local.soak

bench: setup layers-local ## first answer of the webhook and latencies; writes .local/bench.json
	@$(PY) -m local.bench

bodies: setup layers-local ## every sample event, and captures in PAYLOADS=<folder>, through its endpoint on a stack of its own
	@$(PY) -m local.bodies $(PAYLOADS)

# --- asking a deployment --------------------------------------------------------------------------
musubi: .venv/.done ## ask and steer a deployment: make musubi ARGS="explain 1001 --stage prod"
	@PYTHONPATH=layers/core/python $(PY) -m musubi.cli $(or $(ARGS),--help)

# --- checks ----------------------------------------------------------------------------------------
lint: .venv/.done ## ruff: rules and format
	@ruff check --quiet .
	@ruff format --check --quiet . || { echo "make fmt would reformat:"; ruff format --check . | head -20; exit 1; }

types: .venv/.done ## mypy --strict
	@mypy --no-error-summary

imports: .venv/.done ## the import direction of the house
	@PYTHONPATH=layers/core/python lint-imports --no-logo --cache-dir .build/grimp

tables: .venv/.done ## write the pages' tables anew: shop systems, functions
	@PYTHONPATH=layers/core/python $(PY) -m tests.support.capabilities
	@$(PY) -m infra.functions_table

fmt: .venv/.done ## format and repair what ruff can
	@ruff check --quiet --fix-only .
	@ruff format --quiet .

check: lint types imports ## the fast part: lint, types, imports, unit, contract
	@$(PY) -m pytest -q -n 2 --dist loadfile $(call tests,unit contract)

test: export CI := true
test: setup layers lint types imports ## everything; what CI runs
	@$(PY) -m pytest -q -n 2 $(IN_ORDER) $(call tests,flows infra stores unit contract)
	@$(TOOL).browser
	@$(PY) -m pytest -q -ra -n 2 $(IN_ORDER) $(call tests,e2e)
