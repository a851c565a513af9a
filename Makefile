# The commands a person needs; CI runs the same. Everything lands in .venv and .slipway, nothing outside this folder.
.DEFAULT_GOAL := help
.PHONY: help run test check scan bench lock clean

PIPELINE ?= churn
PROJECT ?= $(if $(filter churn,$(PIPELINE)),slipway,slipway-$(PIPELINE))
DATA ?=
PORT ?= 4566
PACE ?= 60
BIN := .venv/bin
TEMPLATES := seed_code/project.yml seed_code/portfolio.yml seed_code/roles.yml deploy/endpoint.yml deploy/monitoring.yml
CHECKOV := checkov==3.3.30
TRY := python3.12 python3.11 python3

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: export LOOPBACK_PACE := $(PACE)
run: .venv/installed  ## this checkout, all the way to production on this machine: make run [PIPELINE=] [DATA=FILE] [APPROVE=auto]
	@$(BIN)/slipway local up --detach --port $(PORT)
	@SAGEMAKER_PROJECT_NAME="$(PROJECT)" $(BIN)/slipway ship $(PIPELINE) $(if $(DATA),--data "$(DATA)")

test: check  ## everything: lint, types, layers, docs, unit tests and journeys
	$(BIN)/python -m pytest -n 2 -m journey tests/journeys

check: .venv/installed  ## the fast part of `make test`
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 -m "not journey"

scan: .venv/installed  ## the templates through cfn-lint and a security scan, which has an environment of its own
	$(BIN)/cfn-lint $(TEMPLATES)
	@test -x .slipway/checkov/bin/checkov || { $(BIN)/python -m venv .slipway/checkov && .slipway/checkov/bin/python -m pip install -qq --disable-pip-version-check $(CHECKOV); }
	.slipway/checkov/bin/checkov --framework cloudformation --compact --quiet --skip-download $(addprefix -f ,$(TEMPLATES))

bench: .venv/installed  ## measure against the floor and the peers; writes benchmarks/results.json
	$(BIN)/python -m benchmarks

lock: .venv/installed  ## write requirements.lock from what is installed
	$(BIN)/python -m pip freeze --exclude-editable | grep -v '^pip==' > requirements.lock

clean:  ## stop loopback; delete its state and the environment
	-@test ! -x $(BIN)/slipway || $(BIN)/slipway local down
	rm -rf .venv .slipway

.venv/installed: requirements.lock setup.py
	@python=; for try in $(TRY); do \
	  if $$try -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then python=$$try; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "make: Python 3.11 or 3.12 is needed; none of '$(TRY)' is one" >&2; exit 1; fi; \
	test -x $(BIN)/python || $$python -m venv .venv; \
	echo "Installing into .venv with $$($(BIN)/python --version): about two minutes, once."; \
	$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check -r requirements.lock && \
	{ $(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true; } && `# on all cores; pip would use one` \
	$(BIN)/python -m pip install -qqq --disable-pip-version-check --no-deps -e . && \
	touch $@
