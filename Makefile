# Thin: each target is one command that can be run by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hotupgrade
GO_MODULES := $(dir $(shell git ls-files '*go.mod'))

.PHONY: demo test lint reference fmt bench crd

$(VENV)/stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: .demo/stamp  ## the whole of it on this machine, in a minute
	.demo/bin/hotupgrade demo $(ARGS)

.demo/stamp: pyproject.toml
	$(PYTHON) -m venv .demo
	.demo/bin/pip install --quiet --disable-pip-version-check --editable '.$(if $(shell command -v go),,[demo])'
	touch $@

test: $(VENV)/stamp  ## everything that needs no cluster
	$(BIN)/pytest
	set -e; for module in $(GO_MODULES); do (cd $$module && go test -race ./...); done

lint: $(VENV)/stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy api operator/hotupgrade_operator sidecar/hotupgrade_agent sidecar/hotupgrade_demo bench tests
	$(BIN)/lint-imports
	test -z "$$(gofmt -l $(GO_MODULES))"
	set -e; for module in $(GO_MODULES); do (cd $$module && go vet ./...); done

fmt: $(VENV)/stamp
	$(BIN)/ruff format .
	gofmt -w $(GO_MODULES)

reference: $(VENV)/stamp  ## docs/reference, written from the types
	$(BIN)/python -m hotupgrade_api.reference docs/reference

bench: $(VENV)/stamp  ## ratios, measured now; writes docs/performance.md
	$(BIN)/python -m bench

crd: $(VENV)/stamp  ## the chart's CRD, written from the types
	$(BIN)/python -m hotupgrade_api.crd charts/hotupgrade/templates/crd.yaml
