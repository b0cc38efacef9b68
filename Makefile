# The words that start everything. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO_DENY := 0.20.2
# In CI the names of three hundred crates are noise.
QUIET := $(if $(CI),--quiet)
# What `make run` starts: nothing of tests/.
PROGRAMS := --package refity-gateway --package refity-uploader --package refity-sandbox
# Crashes that `make soak` survives.
N ?= 1000
# For how long `make fuzz` tries each target, and `make model` plays.
SECONDS ?= 600

.PHONY: help build run web-dev test lint openapi screenshots bench clients conformance fuzz soak \
  model audit cargo-deny

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the web interface and the programs, into target/release
	@deploy/packages build
	@deploy/web build
	cargo build $(QUIET) --release --locked $(PROGRAMS)

run: build ## Build and start everything on 127.0.0.1, with a sandbox where FTP_HOST is unset
	@exec deploy/run

web-dev: ## Show the web interface as it is changed, with a gateway (REFITY_GATEWAY) behind it
	@deploy/web dev

# Some tests start the programs, so these are built first; with `--tests`, so
# that both commands agree on features and nothing is compiled twice.
test: ## Run all tests, with real sshd and docker (installs what is missing, where root)
	@deploy/packages build
	@deploy/packages test
	@deploy/web test
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	cargo test --release --locked --workspace

lint: ## Check format, lints, licences and scripts
	@deploy/packages build
	@deploy/packages lint
	cargo fmt --check
	cargo clippy $(QUIET) --release --locked --workspace --all-targets -- -D warnings
	shellcheck --shell=bash deploy/run deploy/packages deploy/web .ci/run
	@deploy/web lint
	@$(MAKE) --no-print-directory cargo-deny
	cargo fetch $(QUIET) --locked
	cargo deny --log-level error --offline check bans licenses sources

# The committed description of the API, of which the web interface's types are
# made. A test fails where it is not the gateway's.
openapi: ## Renew web/openapi.json, and the types made of it, after a change of the API
	@deploy/packages build
	REFITY_RENEW_OPENAPI=1 cargo test --release --locked --workspace --bins the_committed_description
	@deploy/web types

screenshots: ## Take the README's pictures anew (ALL=folder: every page, width and theme, into it)
	@deploy/packages build
	@deploy/packages test
	@deploy/web build
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	REFITY_SCREENSHOTS=$(abspath $(or $(ALL),web/screenshots)) REFITY_SCREENSHOTS_ALL=$(ALL) \
	  cargo test $(QUIET) --release --locked --workspace --test suite -- --ignored web_interface::screenshots

bench: ## Measure against other registries and sftp in the same run; fails where a limit is missed
	@deploy/packages build
	@deploy/web build
	cargo build $(QUIET) --release --locked --workspace --bins
	@deploy/packages test
	@deploy/packages bench
	target/release/bench

clients: ## Run every client against ours, and print what each can do (CRANE=path adds crane)
	@deploy/packages build
	@deploy/packages test
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	cargo test $(QUIET) --release --locked --workspace --test suite -- --nocapture clients::every_client

conformance: ## Run the public OCI conformance suite against ours (SUITE=path of its program)
	@[[ -n "$(SUITE)" ]] || { echo "make conformance SUITE=path: the suite is built from" \
	  "github.com/opencontainers/distribution-spec, folder conformance" >&2; exit 2; }
	@deploy/packages build
	@deploy/packages test
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	target/release/conformance "$(SUITE)"

fuzz: ## Make up input for all that reads what others send, each target for SECONDS=600
	@deploy/packages build
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	REFITY_FUZZ_SECONDS=$(SECONDS) cargo test --release --locked --workspace --lib --bins --no-fail-fast -- --nocapture fuzz_

soak: ## Kill the programs N times while clients push (N=1000)
	@deploy/packages build
	@deploy/packages test
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	REFITY_CRASHES=$(N) cargo test --release --locked --workspace --test suite -- --nocapture crash::

model: ## Play at random against a model for so many seconds (SECONDS=600)
	@deploy/packages build
	@deploy/packages test
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	REFITY_MODEL_SECONDS=$(SECONDS) cargo test --release --locked --workspace --test suite -- --nocapture model::

audit: cargo-deny ## Look for known vulnerabilities in dependencies (asks the Internet)
	cargo deny check advisories

cargo-deny:
	@cargo deny --version >/dev/null 2>&1 || { \
	  echo "Installing cargo-deny $(CARGO_DENY) into $${CARGO_HOME:-$$HOME/.cargo}/bin, once"; \
	  cargo install --quiet --locked --debug cargo-deny --version $(CARGO_DENY); \
	}
