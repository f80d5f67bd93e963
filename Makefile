# The one entry point, for people and for continuous integration. `make` prints what there is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

PYTHON ?= python3
BIN := .venv/bin
PACKAGES := shared services/link services/social_graph services/user services/news \
	services/link_checker services/api_gateway
SOURCES := $(PACKAGES) tools tests

.PHONY: help
help: ## Print this help
	@awk -F ':.*## ' '/^[a-z_-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use it

.PHONY: run
run: .venv ## Run the whole platform on this machine, until Ctrl-C
	@$(BIN)/python -m tools.local_stack

.PHONY: clean-local
clean-local: .venv ## Forget all data, secrets and logs of the local platform
	@$(BIN)/python -m tools.local_stack clean

.PHONY: check_consistency
check_consistency: .venv ## Compare the stores of the running local platform with one another
	@$(BIN)/python -m tools.consistency

.PHONY: smoke_test
smoke_test: .venv ## Check a running deployment as a client: make smoke_test TARGET_URL=http://… (or the containers)
	@containers=http://$$(docker compose port api-gateway 5000 2>/dev/null); \
	target="$(TARGET_URL)"; target="$${target:-$$containers}"; \
	test "$$target" != http:// || { echo "say which deployment: make smoke_test TARGET_URL=http://127.0.0.1:5000"; exit 2; }; \
	if [ "$$target" = "$$containers" ]; then export SMOKE_LINK="$${SMOKE_LINK:-http://api-gateway:5000/openapi.json}"; fi; \
	$(BIN)/python -m tests.smoke "$$target"

.PHONY: up
up: ## Run the whole platform in containers, in the background
	@docker/prepare.sh
	@./build.sh
	@docker compose --profile '*' build --quiet
	@docker compose up --detach --wait
	@echo "Delinkcious is ready at http://$$(docker compose port api-gateway 5000)" \
		"(make smoke_test; docker compose logs --follow; make down)"

.PHONY: down
down: ## Stop the containers; the data stays in their volumes (docker compose down --volumes forgets it)
	@docker compose --profile '*' down

##@ Change it

# What Python compiles is kept whatever the shell says, or every process of every test compiles it.
test test_short test_some: export PYTHONDONTWRITEBYTECODE :=

.PHONY: test
test: check ## All tests: format, lint, types, generated code, unit, integration, end to end (minutes)
	$(BIN)/python -m pytest -n 3 --dist loadgroup

.PHONY: test_short
test_short: .venv ## The tests that need no servers, with fewer examples (seconds)
	$(BIN)/python -m pytest -n 3 -m 'not integration and not e2e' --hypothesis-profile short

.PHONY: test_some
test_some: .venv ## Some tests, with a report in test-results/: make test_some MARKS=e2e TESTS='services/link tests'
	$(BIN)/python -m pytest -n 2 --dist loadgroup --junit-xml test-results/tests.xml \
		$(if $(MARKS),-m '$(MARKS)') $(TESTS)

.PHONY: test_images
test_images: .venv ## Test the images as build.sh made them (minutes; needs Docker)
	$(BIN)/python -m pytest -m containers --junit-xml test-results/images.xml tests/images

.PHONY: test_compose
test_compose: .venv ## Test the whole platform in containers (minutes; needs Docker)
	$(BIN)/python -m pytest -m containers --junit-xml test-results/compose.xml $(or $(TESTS),tests/compose)

.PHONY: test_tls
test_tls: .venv ## Test the whole platform with TLS on every hop (a minute)
	$(BIN)/python -m pytest -m tls tests/e2e

.PHONY: test_resilience
test_resilience: .venv ## Break the running platform in a random order: make test_resilience ROUNDS=10 SEED=1
	$(BIN)/python -m tests.resilience $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED))

.PHONY: fuzz
fuzz: .venv ## Send every API requests that nobody thought of (minutes): make fuzz ARGS='--examples 500 --seed 1'
	$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: check
check: .venv lint ## Format, lint, types and generated code
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	@for source in $(SOURCES); do echo $(BIN)/mypy $$source; $(BIN)/mypy --no-error-summary $$source || exit 1; done
	$(BIN)/python proto/generate.py --check

.PHONY: lint
lint: .venv ## Lint Dockerfiles, shell scripts and the delivery pipeline
	$(BIN)/hadolint --no-color $$(git ls-files '*Dockerfile')
	$(BIN)/shellcheck $$(git ls-files | xargs grep -lE '^#!.*[/ ](ba)?sh$$')
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.circle-ci .circleci/*.yml

.PHONY: audit
audit: .venv ## Look for known vulnerabilities in what we install, and for secrets in every commit
	@$(BIN)/python -m tools.audit $(ARGS)

.PHONY: fmt
fmt: .venv ## Format the code and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: proto
proto: .venv ## Generate the code of the protobuf contracts
	$(BIN)/python proto/generate.py

.PHONY: record_events
record_events: .venv ## Write down the events as docs/asyncapi.yaml has them, if no consumer would break
	$(BIN)/python -m tests.pipeline.compatibility

.PHONY: release
release: .venv ## Raise a service's version, say what is new, and tag it: make release SERVICE=link PART=minor
	@test -n "$(SERVICE)" -a -n "$(PART)" || { echo "say what: make release SERVICE=link PART=major|minor|patch"; exit 2; }
	@$(BIN)/python -m tools.release $(SERVICE) $(PART)

.PHONY: images
images: ## Build the images of all services, or of one: make images SERVICE=link
	@./build.sh $(SERVICE)

.PHONY: sbom
sbom: .venv ## Say what is in each image, as CycloneDX in sbom/: make sbom SERVICES='link news'
	@$(BIN)/python -m tools.sbom $(SERVICES)

.PHONY: lock
lock: .venv ## Lock the requirements anew: make lock ARGS='--upgrade-package flask'
	PATH="$(CURDIR)/$(BIN):$$PATH" requirements/lock.sh $(ARGS)

.PHONY: bench
bench: .venv ## Measure speed and size, as ratios taken in one run
	$(BIN)/python -m tests.bench

.PHONY: bench_links
bench_links: .venv ## Measure collections of 100,000 links among a million (minutes)
	$(BIN)/python -m tests.bench.links

.PHONY: bench_news
bench_news: .venv ## Measure news of an author with 100,000 followers and of who follows 1,000, and the relay
	$(BIN)/python -m tests.bench.news
	$(BIN)/python -m tests.bench.pipeline

.PHONY: bench_pipeline
bench_pipeline: .venv ## Measure how fast the outbox is relayed, beside a bare publisher
	$(BIN)/python -m tests.bench.pipeline

.PHONY: bench_flood
bench_flood: .venv ## Measure what a flood from one client costs another, with the default limits
	$(BIN)/python -m tests.bench.flood

##@ The virtual environment: made again when the locked requirements or a package's description change

.PHONY: .venv
.venv: .venv/installed

.venv/installed: requirements/dev.txt $(PACKAGES:%=%/pyproject.toml)
	@command -v $(PYTHON) >/dev/null || \
		{ echo "there is no $(PYTHON): install Python 3.11 or newer, or name one with make PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$$($(PYTHON) --version) is too old: install Python 3.11 or newer, or name one with make PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$$($(PYTHON) --version) lacks its venv module: install it (Debian and Ubuntu: python3-venv)"; exit 1; }
	@echo "installing the locked requirements in .venv (a minute or two, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		$(PACKAGES:%=-e %)
	@touch $@
