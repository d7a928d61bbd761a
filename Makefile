# Taffrail: `make up` starts a cluster here and runs the demo; `make help` lists the rest.
SHELL        := /bin/bash
.SHELLFLAGS  := -euo pipefail -c
.DEFAULT_GOAL := help

DATA    ?= /var/lib/taffrail
BIN     := $(CURDIR)/bin
MODULES := proto events gateway services nodeagent ops tests
# Debian packages that running a node, testing it and generating code need.
PACKAGES := runc nftables iptables iproute2 kmod procps busybox-static user-mode-linux protobuf-compiler gcc libc6-dev e2fsprogs

export PATH := $(BIN):$(PATH)
export TAFFRAIL_BIN := $(BIN)
GOBUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w"

.PHONY: help packages build thirdparty up down clean-data demo test unit e2e kernel bench verify generate fuzz

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

packages:
	@missing=(); for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing+=($$p); done; \
	if [ $${#missing[@]} -gt 0 ]; then echo "installing Debian packages: $${missing[*]}"; apt-get update -qq; \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null; fi

build: thirdparty ## build bin/taffrail and the programs it runs
	@mkdir -p $(BIN); cd ops && $(GOBUILD) -o $(BIN)/taffrail ./taffrail
	@cd nodeagent && $(GOBUILD) -o $(BIN)/taffrail-logger ./runtime/logger

thirdparty: $(BIN)/.thirdparty

$(BIN)/.thirdparty: ops/thirdparty/go.mod ops/thirdparty/build.sh
	@ops/thirdparty/build.sh $(BIN)
	@touch $@

up: packages build ## build everything, start a cluster here in the background, run the demo
	@$(BIN)/taffrail up --detach --data-dir $(DATA)
	@ops/demo/run.sh $(DATA)

demo: ## run the demo on the running cluster
	@ops/demo/run.sh $(DATA)

down: ## stop the cluster and remove what it left on this machine; its data stays
	@if [ -x $(BIN)/taffrail ]; then $(BIN)/taffrail down --data-dir $(DATA); fi

clean-data: down ## forget the cluster's state
	@rm -rf -- $(DATA)

test: packages build ## every test: unit, scenarios, cluster, kernel, end to end
	@ops/build/test.sh $(MODULES)

unit: ## the tests of one module: make unit M=events
	@cd $(M) && go test -race ./...

e2e: packages build ## real containers, real kubectl
	@cd tests && go test -race -count=1 -timeout 20m -v ./e2e/...

kernel: packages build ## the IPVS dataplane, cgroup v2 and the power cut, in a kernel of their own
	@cd tests && go test -count=1 -timeout 15m -v ./kernel/...

bench: packages build ## ratios and allocations, with a table at the end
	@ops/build/bench.sh

verify: packages thirdparty ## format, vet, staticcheck, house rules, generated code, each module alone
	@ops/build/verify.sh $(MODULES)

generate: packages thirdparty ## generated code
	@ops/build/generate.sh

fuzz: packages build ## every fuzz target for a minute: make fuzz FUZZTIME=1m
	@ops/build/fuzz.sh $${FUZZTIME:-1m} $(MODULES)
