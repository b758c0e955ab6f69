# Every command a person needs here. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

SWIFT ?= swift
# More arguments for `holdfast up`, such as UP_ARGS="--config holdfast.yaml".
UP_ARGS ?=
# More arguments for the test runner, such as TEST_ARGS="--filter RestartPolicy".
TEST_ARGS ?=
# More arguments for pytest, such as CONFORMANCE_ARGS="-k kill".
CONFORMANCE_ARGS ?=

# The library of the language is linked in: one file runs everywhere and calls into it without a detour.
RELEASE = -c release --static-swift-stdlib
PROCESS_TESTS = ^(IntegrationTests|HoldfastCommandTests)\.
GATEWAY_TESTS = ^HoldfastGatewayTests\.
SIMULATION_TESTS = ^HoldfastSimulationTests\.

SWIFT_FILES = $(shell find Package.swift Sources Tests Benchmarks -name '*.swift' -not -path '*/.build/*' 2>/dev/null)

# $(call system,COMMAND=PACKAGE …): installs the packages whose command, or whose file where it is written with its path,
# is absent, and says so. Nothing is touched where everything is there, and no service is started that comes with one.
define system
	missing=(); \
	for pair in $(1); do \
		command -v "$${pair%%=*}" >/dev/null || [[ -e "$${pair%%=*}" ]] || missing+=("$${pair##*=}"); \
	done; \
	if [[ " $(1) " == *" python3="* ]] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then \
		missing+=(python3-venv); \
	fi; \
	if (( $${#missing[@]} )); then \
		echo "Installing system packages: $${missing[*]}"; \
		as_root=(); if (( $$(id -u) )); then as_root=(sudo); fi; \
		command -v apt-get >/dev/null || { echo "No apt-get here: install these yourself: $${missing[*]}" >&2; exit 1; }; \
		"$${as_root[@]}" apt-get update -qq; \
		"$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 apt-get install -y -qq "$${missing[@]}"; \
	fi
endef

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

.PHONY: toolchain
toolchain:
	@command -v $(SWIFT) >/dev/null || { \
		echo "No Swift toolchain: install Swift 6.2 or later from https://www.swift.org/install/linux/" >&2; exit 1; }
	@$(call system,/usr/include/sqlite3.h=libsqlite3-dev)

.PHONY: build
build: toolchain ## Build the release binary
	@$(SWIFT) build $(RELEASE) --product holdfast

.PHONY: up
up: build ## Start Holdfast here, on what it finds or on practice providers
	@exec "$$($(SWIFT) build $(RELEASE) --show-bin-path)/holdfast" up $(UP_ARGS)

.PHONY: test
test: toolchain ## Run every Swift test, those of the built binary included
	@$(call system,curl=curl openssl=openssl)
	@$(SWIFT) build --build-tests
	@# The simulator computes on every core for a minute, and most tests of the gateway hold it to limits of a few hundred
	@# milliseconds: each has the machine for itself. Tests that start processes run apart too: a child inherits the sockets
	@# that other tests have open at that moment.
ifeq ($(TEST_ARGS),)
	@$(SWIFT) test --skip-build --skip '$(SIMULATION_TESTS)' --skip '$(GATEWAY_TESTS)' --skip '$(PROCESS_TESTS)'
	@$(SWIFT) test --skip-build --filter '$(SIMULATION_TESTS)'
	@$(SWIFT) test --skip-build --filter '$(GATEWAY_TESTS)'
	@$(SWIFT) test --skip-build --filter '$(PROCESS_TESTS)'
else
	@$(SWIFT) test --skip-build $(TEST_ARGS)
endif

.PHONY: lint
lint: toolchain
	@$(SWIFT) format lint --strict --parallel $(SWIFT_FILES)
	@echo "format: clean"

.PHONY: check
check: lint ## Format, tidy and core tests: under a minute once built
	@HOLDFAST_CORE_ONLY=1 $(SWIFT) test --scratch-path .build/core

.PHONY: format
format: toolchain ## Rewrite the Swift files as the formatter wants them
	@$(SWIFT) format --in-place --parallel $(SWIFT_FILES)

# Worlds of `make sim`, and the first seed.
SIM_RUNS ?= 20000
SIM_SEED ?= 1

.PHONY: sim
sim: build ## The gateway's decisions in SIM_RUNS faulty worlds, from seed SIM_SEED
	@"$$($(SWIFT) build $(RELEASE) --show-bin-path)/holdfast" simulate --seed $(SIM_SEED) --runs $(SIM_RUNS)

.PHONY: conformance
conformance: toolchain ## Real clients against real model servers, through the release binary
	@$(call system,curl=curl openssl=openssl python3=python3 cmake=cmake g++=g++ promtool=prometheus \
		prometheus-alertmanager=prometheus-alertmanager chromium=chromium chromedriver=chromium-driver)
	@$(MAKE) --no-print-directory build
	@HOLDFAST_BIN="$$($(SWIFT) build $(RELEASE) --show-bin-path)/holdfast" Conformance/run $(CONFORMANCE_ARGS)

.PHONY: drill-figures
drill-figures: toolchain ## Ten drills of every fault against two llama.cpp servers, into Docs/drill-figures.md
	@$(call system,python3=python3 cmake=cmake g++=g++ curl=curl promtool=prometheus)
	@$(MAKE) --no-print-directory build
	@HOLDFAST_BIN="$$($(SWIFT) build $(RELEASE) --show-bin-path)/holdfast" Conformance/run --figures

.PHONY: under-fire
under-fire: toolchain ## The management plane while what it manages fails, and while it fails itself
	@$(call system,python3=python3 curl=curl gcc=gcc strace=strace ip=iproute2 wrk=wrk)
	@$(MAKE) --no-print-directory build
	@HOLDFAST_BIN="$$($(SWIFT) build $(RELEASE) --show-bin-path)/holdfast" UnderFire/run

.PHONY: bench
bench: toolchain ## Measure against nginx, Envoy and LiteLLM, into Docs/benchmarks.md
	@$(call system,curl=curl python3=python3 nginx=nginx-light wrk=wrk)
	@Benchmarks/run

.PHONY: clean
clean: ## Remove what was built and fetched
	@rm -rf .build .cache
