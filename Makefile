# The front door. Each recipe is a line that calls `bin/` or `nomad`; order and freshness are nomad's.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
# With an .env (see .env.example), its variables are nomad's: endpoint and keys of a lake in S3.
NOMAD := $(if $(wildcard .env),set -a; . ./.env; set +a; )$(BIN)/nomad
need = $(or $($(1)),$(error $(1) is missing, e.g. make $@ $(2)))
env = $(if $(ENV),--env $(ENV))
dt = $(if $(DT),--dt $(DT))

##@ Data
.PHONY: demo
demo: install ## From sample files to a queryable catalog, for two days
	$(NOMAD) extract $(env) --from 2024-01-02 --to 2024-01-03
	$(NOMAD) run $(env) --from 2024-01-02 --to 2024-01-03
	@echo
	$(NOMAD) sql $(env) "select symbol, open_avg, close_avg, volume, vendors from dwd.dwd_daily_stock_price_dt('2024-01-02')"
	@echo
	@echo 'next:  export PATH="$$PWD/bin:$$PATH"    then it is `nomad`, as on the page'

.PHONY: extract
extract: install ## Land raw files: make extract DT=2024-01-02 (default: yesterday)
	$(NOMAD) extract $(env) $(dt)

.PHONY: ods
ods: install ## Build the first layer over raw: make ods DT=2024-01-02
	$(NOMAD) run ods $(env) $(dt)

.PHONY: dw
dw: install ## Build the layers above ods: make dw DT=2024-01-02
	$(NOMAD) run --exclude ods $(env) $(dt)

.PHONY: catalog
catalog: install ## Renew catalog/catalog.duckdb: migrations, views, macros
	$(NOMAD) catalog migrate $(env)

.PHONY: daily
daily: install ## The whole chain for one day: make daily DT=2024-01-02 (default: yesterday)
	$(NOMAD) daily $(env) $(dt)

.PHONY: backfill
backfill: install ## The chain for a range: make backfill FROM=2023-12-25 TO=2024-01-31
	$(NOMAD) daily $(env) --from $(call need,FROM,FROM=2023-12-25 TO=2024-01-31) --to $(call need,TO,FROM=2023-12-25 TO=2024-01-31)

.PHONY: sql
sql: install ## Ask the lake: make sql Q="from dws.dws_market_daily"
	@$(NOMAD) sql $(env) "$(call need,Q,Q="from dws.dws_market_daily")"

.PHONY: cron
cron: install ## Print the crontab lines for bin/daily: make cron ENV=minio
	@$(NOMAD) daily --cron $(env)

##@ A lake in MinIO
.PHONY: up
up: ## Start MinIO by Docker Compose (needs an .env); then: make daily ENV=minio DT=2024-01-02
	@bin/up

.PHONY: down
down: ## Stop MinIO; its data stays
	docker compose down

##@ Development
.PHONY: install
install: .venv/.run

.venv/.run: pyproject.toml .ci/constraints.txt
	@bin/install $(PYTHON)

.venv/.dev: pyproject.toml .ci/constraints.txt
	@bin/install $(PYTHON) dev

.venv/.bench: .venv/.dev
	@bin/install $(PYTHON) bench

# Thousands of small databases are made and dropped: in memory where it has room for them, else in the
# usual place. The long forms, and pytest called by itself, have them on the disk.
roomy = $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 {print "TMPDIR=/dev/shm"}')

.PHONY: test
test: .venv/.dev ## Run the tests, on all cores
	$(roomy) $(BIN)/pytest --numprocesses auto --dist worksteal

.PHONY: test-slow
test-slow: .venv/.dev ## Run the long forms: random tests of more rounds, a kill before each change
	$(BIN)/pytest -m 'slow and not s3' --numprocesses auto --dist worksteal

.PHONY: test-wheel
test-wheel: .venv/.dev ## Build the wheel, and try it with the oldest and the newest Python
	@.ci/wheel

.PHONY: test-spark
test-spark: .venv/.dev ## Read published files by Spark: installs pyspark, and a Java if there is none
	@bin/spark
	$(BIN)/pytest -m spark -p no:cacheprovider

.PHONY: test-s3
test-s3: ## Run the S3 tests on a real server: installs Ceph if missing, starts and stops it
	@$(MAKE) --no-print-directory -C tests/s3 test

.PHONY: bench
bench: ## Measure nomad beside a bare script, and with PEERS=1 beside other tools; more: make -C tests/bench
	@$(MAKE) --no-print-directory -C tests/bench bench

.PHONY: bench-extract
bench-extract: ## Measure how a folder of 5,000 files that all grow is landed: SIZE=small for a few
	@$(MAKE) --no-print-directory -C tests/bench extract

.PHONY: vendor
vendor: install ## Start a made-up vendor of market data, for a look around: make vendor DEFECTS="html late"
	@PYTHONPATH=tests $(BIN)/python -m vendor $(DEFECTS)

.PHONY: check
check: .venv/.dev ## Lint (Python, shell, SQL) and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/shellcheck bin/* .ci/run .ci/wheel
	$(BIN)/sqruff lint sql catalog examples lib/nomad/template
	$(BIN)/mypy

.PHONY: clean
clean: ## Remove what was made: published data, the catalog, caches (the sample files stay)
	find lake -mindepth 1 -maxdepth 1 ! -name inbox -exec rm -rf {} +
	rm -rf catalog/*.duckdb .nomad

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z][a-z0-9-]*:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

