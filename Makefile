# The only door to everything: `make help` lists it. Each target that needs tools installs them first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.tools/bin:$(PATH)
# Tests start Python hundreds of times, and each would compile all modules again.
export PYTHONDONTWRITEBYTECODE :=
UV := .tools/bin/uv
STAMP := .venv/.synced
PORT ?= 7443
DATA_DIR ?= .state/dev
CONSOLE_PORT ?= 17443
SSH_PORT ?= 12222
export PORT DATA_DIR CONSOLE_PORT SSH_PORT

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

##@ Use it
.PHONY: up ssh down dev
up: venv ## Build or reuse the image, boot the appliance, print how to reach it (YES=1 installs without asking)
	@python -m dev.vm up
ssh: venv ## Open a shell on the running appliance as operator
	@python -m dev.vm ssh
down: venv ## Stop the appliance (its disk stays under .state/vm)
	@python -m dev.vm down
dev: venv nat console ## Run the platform without a VM on http://127.0.0.1:$(PORT), in the foreground
	@python -m att.entrypoints.dev

##@ Work on it
.PHONY: setup venv nat cli lock generate console fix
setup: ## Install everything the tests need (YES=1 installs Debian packages without asking)
	@dev/host-packages.sh test
	@$(MAKE) -j2 venv nat
venv: $(STAMP) ## Make .venv from the hash-locked dependencies
.tools/bin/uv: locks/uv.txt
	@python3 -m venv .tools || { echo "cannot make a venv: apt-get install python3-venv" >&2; exit 4; }
	@.tools/bin/pip install -q --require-hashes -r locks/uv.txt && touch $@
$(STAMP): .tools/bin/uv locks/dev.txt pyproject.toml .python-version
	@[ -x .venv/bin/python ] || $(UV) venv -q --python 3.13 .venv
	@$(UV) pip sync -q --require-hashes locks/dev.txt
	@$(UV) pip install -q --no-deps --no-build-isolation -e . && touch $@
nat: .tools/bin/uv ## Make .nat, NAT's own venv, from its hash-locked dependencies
	@dev/nat.sh
cli: venv ## Put an editable attctl into .venv/bin
	@.venv/bin/attctl version
lock: .tools/bin/uv ## Resolve the dependencies again and write locks/
	@dev/lock.sh
generate: venv ## Write the generated files again: schemas, layout document, users, directories
	@python -m dev.generate
console: venv ## Build the web console into src/console/dist
	@dev/console.sh build
fix: venv ## Format and mend what the linters can
	@ruff check --fix -q . ; ruff format -q . ; shfmt -w -i 2 -ci $$(dev/shell-files.sh)

##@ Prove it
.PHONY: lint check test smoke e2e bench audit
lint: venv ## Format, lint, types, import contracts, generated files, shell, YAML, spelling, unused code, security
	@dev/lint.sh
check: lint ## The quick tier: lint, unit and property tests, generated files (under 2 minutes)
	@dev/run-tests.sh check
test: ## All tests that need no VM: check, contracts, console, staged root, real systemd in a container
	@YES=1 $(MAKE) setup
	@dev/run-tests.sh test
smoke: venv ## Build the release twice; boot the image: status, an upgrade, a bad release, a power cut
	@YES=1 dev/host-packages.sh image
	@dev/run-tests.sh smoke
e2e: venv ## The long proofs; their tables are written to tests/evidence
	@YES=1 dev/host-packages.sh image
	@dev/run-tests.sh e2e
bench: venv nat ## Measure: start-up, CPU of attctl, memory on the appliance; written to tests/evidence
	@YES=1 dev/host-packages.sh image
	@python -m tests.bench
audit: venv nat ## Known vulnerabilities and licences of what the appliance runs
	@dev/audit.sh

##@ Ship it
.PHONY: bundle image packer-qemu sbom clean
bundle: venv ## Build the signed release bundle under artifacts/ (ATT_SIGNING_KEY, else a key of your own)
	@dev/host-packages.sh test
	@python -m dev.bundle
image: venv ## Build the QCOW2 image under artifacts/, with checksum, manifest and bill of materials
	@dev/host-packages.sh image
	@python -m dev.vm image
packer-qemu: image ## The same by the plan's name
sbom: venv ## Write the CycloneDX bill of materials of the release to artifacts/ (the image has its own)
	@python -m dev.sbom
clean: ## Remove artifacts and test leftovers; keeps .state and caches
	@find artifacts -mindepth 1 ! -name README.md -delete; rm -rf .mypy_cache .ruff_cache .hypothesis
