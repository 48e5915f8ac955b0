# What people do with Concord. `make` alone lists it.

DATA ?= ./data
LISTEN ?= $(or $(CONCORD__SERVER__LISTEN),127.0.0.1:8080)
TARGET := $(or $(CARGO_TARGET_DIR),target)
CONCORD := $(TARGET)/release/concord

.DEFAULT_GOAL := help
.PHONY: help up down build test soak bench fmt lint clean tools

help: ## list these commands
	@echo "Concord: the money core you run yourself."
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Settings: DATA=$(DATA) LISTEN=$(LISTEN)"

up: build ## build and serve on LISTEN, keeping everything in DATA; Ctrl-C stops it
	@echo "Concord is starting on http://$(LISTEN) with its data in $(DATA); stop it with Ctrl-C or \`make down\`."
	@exec $(CONCORD) serve --listen $(LISTEN) --data-dir $(DATA)

down: ## stop the server that uses DATA, from another terminal
	@proof/down.sh $(DATA)

build: tools ## build the one binary, optimised
	cargo build --release --locked --package concord

test: tools ## prove everything in minutes: format, lints, tidy, dependencies, tests
	@proof/test.sh

soak: tools ## the same proof with the long counts, in hours
	@proof/soak.sh

bench: tools ## measure the ledger on this machine; figures go with their baseline
	FILE=$(TARGET)/bench-results.md proof/bench/run.sh

fmt: ## format the code
	cargo fmt --all

lint: tools ## clippy, tidy and dependencies, without tests
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo xtask tidy
	cargo xtask deps

clean: ## remove what was built; data stay
	cargo clean

tools:
	@command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing: apt-get install gcc libc6-dev" >&2; exit 1; }
