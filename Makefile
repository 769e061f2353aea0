# Two commands do all the set-up: `make run` and `make test`. Both are quick when nothing changed.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.PHONY: help run demo test test-rust test-ui bench lint fmt package setup setup-dev bindings accuracy conformance soak window-cpu clean

CARGO := cargo
NPM := npm --prefix ui --no-fund --no-audit
UI_SOURCES := $(shell find ui/src -type f 2>/dev/null) ui/index.html ui/vite.config.ts ui/package.json

help: ## What there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: .setup/build ui/dist/.built ## The window, on the built-in demo feeds or on your configuration
	@echo "== Building the window (the first time takes some minutes)"
	$(CARGO) build --locked -p feedwatch-desktop -p feedwatch-cli
	echo "== Opening the window"
	exec ./target/debug/feedwatch-desktop $(ARGS)

test: test-ui test-rust ## Everything: page, crates, whole program with servers and a window under Xvfb

test-rust: .setup/build .setup/test ui/dist/.built
	@echo "== Building programs and tests"
	$(CARGO) fetch --locked # also what only other systems need: a test reads the dependencies of every crate, offline
	$(CARGO) build --locked -p feedwatch-cli -p feedwatch-desktop
	if command -v cargo-nextest >/dev/null; then
	  echo "== Running tests with nextest"
	  $(CARGO) nextest run --locked --workspace
	else
	  echo "== Running tests"
	  $(CARGO) test --locked --workspace --lib --bins --tests
	fi
	echo "== Examples in the documentation"
	$(CARGO) test --locked --workspace --doc

test-ui: .setup/npm
	@echo "== Testing the page"
	$(NPM) run check
	$(NPM) test

bench: .setup/build ## Speed as ratios against bare loops in the same run
	$(CARGO) bench --locked -p feedwatch-tests

accuracy: .setup/build .setup/test ## The detector on labelled series, where ../shared has them
	scripts/accuracy

conformance: .setup/build ## The WebSocket client against Autobahn's test suite (needs Python 2.7; some minutes)
	scripts/conformance

soak: .setup/build .setup/test ui/dist/.built ## An hour of the window: does its memory grow? Reported, not asserted
	$(CARGO) build --locked --release -p feedwatch-desktop
	scripts/soak

window-cpu: .setup/build .setup/test ui/dist/.built ## CPU of the window with 6 and 24 charts, and hidden (14 min)
	$(CARGO) build --locked --release -p feedwatch-desktop
	scripts/window-cpu

lint: .setup/build .setup/npm ui/dist/.built ## Formatting, clippy, eslint, dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(NPM) run lint
	scripts/deny

fmt: .setup/npm ## Formats everything
	$(CARGO) fmt --all
	$(NPM) run format

bindings: ## Writes the page's types anew from wire.rs
	UPDATE_BINDINGS=1 $(CARGO) test --locked -p feedwatch-engine --test bindings

package: .setup/build .setup/npm ui/dist/.built ## A .deb with the window and the terminal program
	$(CARGO) build --locked --release -p feedwatch-cli
	cd src-tauri && ../ui/node_modules/.bin/tauri build --bundles deb -- --locked
	find ../target/release/bundle/deb -name '*.deb'

setup: .setup/build .setup/npm ## Only the set-up
setup-dev: setup .setup/test

# What is needed to build: compilers, the desktop's libraries. Stamps make it quick the second time.
.setup/build: scripts/setup scripts/prerequisites
	@scripts/prerequisites
	scripts/setup build
	mkdir -p .setup && touch $@

# What is needed to test: a display, a notification service, servers written by others.
.setup/test: scripts/setup scripts/python-requirements.txt
	@scripts/setup test
	mkdir -p .setup && touch $@

.setup/npm: ui/package-lock.json scripts/prerequisites
	@scripts/prerequisites
	echo "== Installing the page's packages"
	$(NPM) ci
	mkdir -p .setup && touch $@

ui/dist/.built: .setup/npm $(UI_SOURCES)
	@echo "== Building the page"
	$(NPM) run build
	touch $@

clean: ## Removes what was built
	rm -rf target ui/dist .setup ui/node_modules
