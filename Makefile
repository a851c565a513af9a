# The commands a person needs; CI runs the same. Everything lands in .venv and .slipway, nothing outside this folder.
.DEFAULT_GOAL := help
.PHONY: help run test check coverage third-party faults scan bench cdk lock clean

COVERED := 82  # percent of lines and branches; not below what it was
PIPELINE ?= churn
PROJECT ?= $(if $(filter churn,$(PIPELINE)),slipway,slipway-$(PIPELINE))
DATA ?=
PORT ?= 4566
PACE ?= 60
KILLS ?= 200
REQUESTS ?= 20000
SEED ?= 1
BIN := .venv/bin
TEMPLATES := seed_code/project.yml seed_code/portfolio.yml seed_code/roles.yml seed_code/project_roles.yml deploy/endpoint.yml deploy/monitoring.yml seed_code/files/runners/roles.yml
CHECKOV := checkov==3.3.30
SCHEMAS := check-jsonschema==0.39.0
STORIES := 3  # journeys at a time: what one waits for, two processors do for the others
TRY := python3.12 python3.11 python3
# Hundreds of Pythons start in the tests and below loopback; each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: export LOOPBACK_PACE := $(PACE)
run: .venv/installed  ## this checkout, all the way to production on this machine: make run [PIPELINE=] [DATA=FILE] [APPROVE=auto]
	@$(BIN)/slipway local up --detach --port $(PORT)
	@SAGEMAKER_PROJECT_NAME="$(PROJECT)" $(BIN)/slipway ship $(PIPELINE) $(if $(DATA),--data "$(DATA)")

test: check  ## everything: lint, types, layers, docs, unit tests and journeys
	$(BIN)/python -m pytest -n $(STORIES) -m journey tests/journeys tests/faults

check: .venv/installed  ## the fast part of `make test`
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 -m "not journey" --ignore=tests/journeys --ignore=tests/faults

coverage: .venv/installed  ## the unit tests again, and the share of lines and branches that they run
	$(BIN)/python -m pytest -n 2 -m "not journey" --ignore=tests/journeys --ignore=tests/faults --cov --cov-report=term --cov-fail-under=$(COVERED)

third-party: .venv/installed  ## run other people's code from GitHub as it is; writes docs/third-party.md
	$(BIN)/python -m third_party $(NAMES)

faults: .venv/installed  ## kill, fill, damage and misuse it, at length: make faults [KILLS=200] [REQUESTS=20000] [SEED=1]
	$(BIN)/python -m pytest -s -m journey tests/faults --kills $(KILLS) --requests $(REQUESTS) --seed $(SEED)
	$(BIN)/python -m pytest -n 2 -m journey $(addprefix tests/journeys/test_,durability.py lifecycle.py bad_input.py browser.py s3.py isolation.py)
	$(BIN)/python -m pytest -n 2 $(addprefix tests/loopback/services/,test_fuzz.py test_fuzz_texts.py test_fuzz_services.py)

scan: .venv/installed  ## the templates and workflows through their schemas and a security scan, in environments of their own
	$(BIN)/cfn-lint $(TEMPLATES)
	@test -x .slipway/checkov/bin/checkov || { $(BIN)/python -m venv .slipway/checkov && .slipway/checkov/bin/python -m pip install -qq --disable-pip-version-check $(CHECKOV); }
	@test -x .slipway/schemas/bin/check-jsonschema || { $(BIN)/python -m venv .slipway/schemas && .slipway/schemas/bin/python -m pip install -qq --disable-pip-version-check $(SCHEMAS); }
	.slipway/schemas/bin/check-jsonschema --builtin-schema vendor.github-workflows seed_code/files/runners/github.yml .github/workflows/*.yml
	.slipway/schemas/bin/check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci seed_code/files/runners/gitlab.yml
	.slipway/checkov/bin/checkov --framework cloudformation --compact --quiet --skip-download $(addprefix -f ,$(TEMPLATES))

bench: .venv/installed  ## measure against the floor and the peers; writes benchmarks/results.json
	$(BIN)/python -m benchmarks

cdk:  ## install AWS's CDK for its journey, with npm: tests/journeys/test_cdk.py
	npm install --prefix tests/journeys/cdk --no-audit --no-fund --no-package-lock

# What builds install: the same versions, for the Python of CodeBuild's image.
OF_PROJECT := --constraints requirements.lock --python-version 3.12 --generate-hashes --no-annotate --no-header
lock: .venv/installed  ## write requirements.lock from pyproject.toml: the newest versions that it admits, with hashes
	$(BIN)/uv pip compile -q --upgrade --all-extras --python-version 3.11 --generate-hashes --no-annotate --no-header -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile -q $(OF_PROJECT) -o seed_code/files/requirements.lock pyproject.toml
	printf 'pydantic\npyyaml\n' | $(BIN)/uv pip compile -q $(OF_PROJECT) -o deploy/requirements.txt -

clean:  ## stop loopback; delete its state and the environment
	-@test ! -x $(BIN)/slipway || $(BIN)/slipway local down
	rm -rf .venv .slipway

# The import compiles the SageMaker SDK once: builds see .venv and this checkout read-only, and each would do it again.
.venv/installed: requirements.lock pyproject.toml
	@python=; for try in $(TRY); do \
	  if $$try -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then python=$$try; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "make: Python 3.11 or 3.12 is needed; none of '$(TRY)' is one" >&2; exit 1; fi; \
	test -x $(BIN)/python || $$python -m venv .venv; \
	echo "Installing into .venv with $$($(BIN)/python --version): half a minute, once."; \
	$(BIN)/python -m pip install -qqq --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock)" && \
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock && \
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e . && \
	AWS_DEFAULT_REGION=us-east-1 $(BIN)/python -c 'import slipway.build.model_build' && \
	$(BIN)/python -m compileall -q -j 0 slipway loopback && \
	touch $@
