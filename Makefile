# Entry points. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO_DENY := 0.20.2
# In CI, do not list three hundred crates.
QUIET := $(if $(CI),--quiet)
# The programs that `make run` starts, nothing from tests/.
PROGRAMS := --package refity-gateway --package refity-uploader --package refity-sandbox
# The seed of everything random in `make test`. `make fuzz`, `make soak` and
# `make model` draw a new one.
SEED ?= 20260101
# Tests at once. Many wait for a server or a clock and leave a core idle.
TEST_THREADS ?= $(shell echo $$((2 * $$(nproc))))
# Number of crashes in `make soak`.
N ?= 1000
# Duration of `make model`, and of each target in `make fuzz`.
SECONDS ?= 600

.PHONY: help build run web-dev test lint openapi plans screenshots bench clients conformance fuzz soak \
  model audit cargo-deny

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the web interface and the programs, into target/release
	@deploy/packages build
	@deploy/web build
	cargo build $(QUIET) --release --locked $(PROGRAMS)

run: build ## Build and start everything on 127.0.0.1, with a sandbox SFTP server if FTP_HOST is unset
	@exec deploy/run

web-dev: ## Serve the web interface with live reload in front of a gateway (REFITY_GATEWAY)
	@deploy/web dev

# Some tests start the programs, so build these first. With `--tests`, both
# commands agree on features and nothing is compiled twice.
test: ## Run all tests, with a real sshd and docker (as root, installs missing packages)
	@deploy/packages build
	@deploy/packages test
	@deploy/web test
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	REFITY_SEED=$(SEED) PROPTEST_RNG_SEED=$(SEED) RUST_TEST_THREADS=$(TEST_THREADS) \
	  cargo test --release --locked --workspace

lint: ## Check formatting, lints, licences and scripts
	@deploy/packages build
	@deploy/packages lint
	cargo fmt --check
	cargo clippy $(QUIET) --release --locked --workspace --all-targets -- -D warnings
	shellcheck --shell=bash deploy/run deploy/packages deploy/web .ci/run
	@deploy/web lint
	@$(MAKE) --no-print-directory cargo-deny
	cargo fetch $(QUIET) --locked
	cargo deny --log-level error --offline check bans licenses sources

# Regenerates the committed API description and the web interface's types. A test
# fails if it does not match the gateway.
openapi: ## Regenerate web/openapi.json and the types after a change of the API
	@deploy/packages build
	REFITY_RENEW_OPENAPI=1 cargo test --release --locked --package refity-gateway --lib the_committed_description
	@deploy/web types

# Renews the list, then fails until each scan in it has a reason.
plans: ## Renew shared/store/plans.txt after a change of an SQL statement
	RENEW_PLANS=1 cargo test --locked --package refity-store --lib engine::plans

screenshots: ## Retake the screenshots in README.md (ALL=folder: of every page, width and theme)
	@deploy/packages build
	@deploy/packages test
	@deploy/web build
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	REFITY_SCREENSHOTS=$(abspath $(or $(ALL),web/screenshots)) REFITY_SCREENSHOTS_ALL=$(ALL) \
	  cargo test $(QUIET) --release --locked --workspace --test suite -- --ignored web_interface::screenshots

bench: ## Compare with other registries and sftp; fails if a ratio misses its limit
	@deploy/packages build
	@deploy/web build
	cargo build $(QUIET) --release --locked --workspace --bins
	@deploy/packages test
	@deploy/packages bench
	target/release/bench

clients: ## Test every client and print what each supports (CRANE=path adds crane)
	@deploy/packages build
	@deploy/packages test
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	cargo test $(QUIET) --release --locked --workspace --test suite -- --nocapture clients::every_client

conformance: ## Run the OCI conformance suite (SUITE=path of its binary)
	@[[ -n "$(SUITE)" ]] || { echo "Set SUITE to the path of the suite, built from folder conformance of" \
	  "github.com/opencontainers/distribution-spec: make conformance SUITE=path" >&2; exit 2; }
	@deploy/packages build
	@deploy/packages test
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	target/release/conformance "$(SUITE)"

fuzz: ## Fuzz all parsers of external input, each target for SECONDS=600
	@deploy/packages build
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	REFITY_FUZZ_SECONDS=$(SECONDS) cargo test --release --locked --workspace --lib --bins --no-fail-fast -- --nocapture fuzz_

soak: ## Kill the programs N=1000 times while clients push
	@deploy/packages build
	@deploy/packages test
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	REFITY_CRASHES=$(N) cargo test --release --locked --workspace --test suite -- --nocapture crash::

model: ## Compare random requests with a model for SECONDS=600
	@deploy/packages build
	@deploy/packages test
	cargo build $(QUIET) --release --locked --workspace --bins --tests
	REFITY_MODEL_SECONDS=$(SECONDS) cargo test --release --locked --workspace --test suite -- --nocapture model::

audit: cargo-deny ## Check dependencies for known vulnerabilities (needs Internet access)
	cargo deny check advisories

cargo-deny:
	@cargo deny --version >/dev/null 2>&1 || { \
	  echo "Installing cargo-deny $(CARGO_DENY) into $${CARGO_HOME:-$$HOME/.cargo}/bin, once"; \
	  cargo install --quiet --locked --debug cargo-deny --version $(CARGO_DENY); \
	}
