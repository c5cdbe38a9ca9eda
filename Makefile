# Thin: each target is one command that can be run by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hotupgrade
# The test cluster's parts are builds of Kubernetes and Istio: not ours to vet, and too large.
GO_MODULES := $(dir $(shell git ls-files '*go.mod' ':!tests/cluster/kubebox' ':!tests/cluster/istiod'))
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
KUBERNETES := 1.34 1.37  # the oldest that the chart takes, and the one that e2e runs

.PHONY: demo test e2e cluster lint reference fmt bench crd manifests dashboard images

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

e2e: $(VENV)/stamp  ## everything on a real Kubernetes, which it builds once; needs root on Linux
	CI=1 $(BIN)/python -m tests.cluster run -- $(BIN)/python -m pytest tests/e2e --capture=no --tb=short --no-summary $(ARGS)

cluster: $(VENV)/stamp  ## a shell in that Kubernetes, with KUBECONFIG
	$(BIN)/python -m tests.cluster shell

lint: $(VENV)/stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy api operator/hotupgrade_operator sidecar/hotupgrade_agent sidecar/hotupgrade_demo cli deploy bench tests
	$(BIN)/lint-imports
	test -z "$$(gofmt -l $(GO_MODULES))"
	set -e; for module in $(GO_MODULES); do (cd $$module && go vet ./...); done
	set -e; staticcheck=$$($(BIN)/python -m tests.go_tools staticcheck); \
	  for module in $(GO_MODULES); do (cd $$module && $$staticcheck ./...); done
	$$($(BIN)/python -m tests.go_tools helm) lint --strict --quiet charts/hotupgrade --set image.registry=example.com
	set -e; for minor in $(KUBERNETES); do \
	  $(BIN)/kubernetes-validate --strict --quiet -k $$minor deploy/hotupgrade.yaml; done

fmt: $(VENV)/stamp
	$(BIN)/ruff format .
	gofmt -w $(GO_MODULES)

reference: $(VENV)/stamp  ## docs/reference, written from the types
	$(BIN)/python -m hotupgrade_api.reference docs/reference
	$(BIN)/python -m hotupgrade_operator.metrics docs/reference/operator-metrics.md
	$(BIN)/python -m hotupgrade_agent.metrics docs/reference/agent-metrics.md

bench: $(VENV)/stamp  ## ratios, measured now; writes docs/performance.md
	$(BIN)/python -m bench

manifests: $(VENV)/stamp crd  ## the plain manifest, written from the chart
	$(BIN)/python -m tests.chart deploy/hotupgrade.yaml

dashboard: $(VENV)/stamp  ## Grafana's, written from deploy/monitoring
	$(BIN)/python -m deploy.monitoring.dashboard charts/hotupgrade/monitoring/dashboard.json

images:  ## the three images, built and pushed by docker: make images REGISTRY=host/path
	set -e; for image in launcher agent operator; do \
	  name=$(or $(REGISTRY),$(error cannot name the images: make images REGISTRY=host/path))/hotupgrade; \
	  docker build --file deploy/Dockerfile.$$image --build-arg VERSION=$(VERSION) \
	    --build-arg LAUNCHER=$$name/launcher:$(VERSION) --tag $$name/$$image:$(VERSION) .; \
	  docker push $$name/$$image:$(VERSION); done

crd: $(VENV)/stamp  ## the chart's CRD, written from the types
	$(BIN)/python -m hotupgrade_api.crd charts/hotupgrade/templates/crd.yaml
