# `make run` serves a demo, `make test` checks everything: both set up all they need, and no more.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

unexport VIRTUAL_ENV
# Hundreds of processes start in a run; without it each would compile all it imports anew.
unexport PYTHONDONTWRITEBYTECODE
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never

UV_VERSION := 0.13.8
PYTHON := .venv/bin/python
SYNC := .venv/bin/uv sync --frozen --inexact --no-default-groups --quiet
# Stamps: a file touched when its step is done, so that a second `make run` starts within seconds.
BASE := .venv/.base
TESTING := .venv/.testing
TRAINING := .venv/.training
VENDOR := static/vendor/.done
CLIENTS := tests/e2e/clients/node_modules/.done
PEERS := tests/bench/peers/node_modules/.package-lock.json
# What `train`, `eval`, `report` and `reproduce` take; what is not given is as in ml/beats/runs/.
DATA ?= var/mitdb
RUN_OPTIONS = --architecture $(or $(ARCHITECTURE),best) $(FOLDS:%=--fold-k %) $(EPOCHS:%=--epochs %) $(BATCH_SIZE:%=--batch-size %) $(LR:%=--lr %) $(SEED:%=--seed %) $(NETWORKS:%=--networks %)
RUN = --data-dir $(DATA) --protocol $(or $(PROTOCOL),oh2018) $(RUN_OPTIONS)
# A GPU is used where GPU=1 says so.
QUIET_GPU = $(if $(filter 1,$(GPU)),,CUDA_VISIBLE_DEVICES=-1)
CATALOGUES = $(patsubst %.po,%.mo,$(wildcard locale/*/LC_MESSAGES/*.po))

.PHONY: help run test mlflow soak lint bench train eval report predict reproduce schema contract messages screenshots vendor clients clean

help: ## say what there is
	@grep -E '^[a-z]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 12

run: $(BASE) vendor $(CATALOGUES) ## serve a demo on http://127.0.0.1:8000 (more options in ARGS=)
	@exec $(PYTHON) -m server serve --demo $(ARGS)

test: $(TESTING) vendor clients $(CATALOGUES) ## run every test but the long campaigns (a part in ARGS=, for example ARGS=tests/ml)
	@tools/require chromium redis-server postgresql orthanc orthanc-dicomweb dicom3tools tesseract-ocr tesseract-ocr-fra
	$(PYTHON) -m pytest -n 2 --dist worksteal --durations=15 $(ARGS)

mlflow: $(BASE) ## serve MLflow's own pages on the store of CHEVET_DATA_DIR at 127.0.0.1:PORT (5000), from a venv of their own
	@tools/mlflow

soak: $(TESTING) vendor $(CATALOGUES) ## run the long campaigns whole: mutations, kills, simulations
	@tools/require chromium redis-server postgresql tesseract-ocr tesseract-ocr-fra
	CHEVET_SOAK=1 $(PYTHON) -m pytest -m soak -n 2 --dist worksteal --timeout 1800 --durations=15 $(ARGS)

lint: $(TESTING) $(CATALOGUES) ## check style, types, layers, templates and the checked-in schema
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON) -m tests.architecture.template_lint templates
	$(PYTHON) -m server schema | diff schema.graphql -

bench: $(TESTING) $(PEERS) vendor $(CATALOGUES) ## measure speed and memory, beside other servers of the same bytes
	$(PYTHON) -m tests.bench $(ARGS)

train: $(TRAINING) ## train the classifier of beats on DATA= (FOLDS, EPOCHS, BATCH_SIZE, LR, SEED, NETWORKS, ARCHITECTURE, PROTOCOL)
	$(QUIET_GPU) $(PYTHON) -m ml train beats $(RUN) $(ARGS)

eval: $(TRAINING) ## judge it by PROTOCOL= (the same variables)
	$(QUIET_GPU) $(PYTHON) -m ml evaluate beats $(RUN) $(ARGS)

report: $(TRAINING) ## write the report of a run into its folder (the same variables)
	$(PYTHON) -m ml report $(RUN) $(ARGS)

predict: $(BASE) ## classify the beats of ECG= (CSV, .mat, DICOM, WFDB) with MODEL=; FS= where the file does not say
	@mkdir -p build
	$(PYTHON) -m ml predict beats --input $(ECG) --model $(or $(MODEL),champion) $(FS:%=--fs %) --output-csv build/beats.csv --output-fig build/beats.png $(ARGS)

reproduce: $(if $(filter none,$(CONTAINER)),$(TRAINING)) ## all of it in the image's target `train`: data into DATA=, runs of every protocol, figures in build/reproduced/
	tools/reproduce $(abspath $(DATA)) $(RUN_OPTIONS) $(ARGS)

schema: $(BASE) ## write schema.graphql
	$(PYTHON) -m server schema > schema.graphql.new
	mv schema.graphql.new schema.graphql

contract: $(BASE) ## name what has changed in the schema since SINCE= (a commit) that breaks the API's clients
	mkdir -p build
	git show $(or $(SINCE),HEAD):schema.graphql > build/schema.old.graphql
	$(PYTHON) -m server schema --diff build/schema.old.graphql

messages: $(BASE) ## bring the French catalogue up to date with the strings in code and templates
	mkdir -p build
	.venv/bin/pybabel -q extract --mapping locale/babel.cfg --no-location --ignore-dirs ".* node_modules static tests var build" --sort-output --project Chevet --output build/messages.pot .
	.venv/bin/pybabel -q update --init-missing --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 100 \
	  --input-file build/messages.pot --output-dir locale --locale fr
	$(MAKE) locale/fr/LC_MESSAGES/messages.mo

screenshots: ## take the README's pictures anew from the end-to-end run
	CHEVET_SCREENSHOTS=1 $(MAKE) test ARGS="tests/e2e/test_every_page.py"
	$(PYTHON) tools/screenshots

vendor: $(VENDOR) ## copy the pinned front-end libraries into static/vendor/

clients: $(CLIENTS) ## install other people's GraphQL clients, which the tests try the API with

clean: ## remove what make built (data under var/ stays)
	rm -rf .venv .venv-mlflow node_modules tests/e2e/clients/node_modules static/vendor build $(CATALOGUES)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*

.venv/.uv-$(UV_VERSION):
	tools/venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	touch $@

$(BASE): .venv/.uv-$(UV_VERSION) pyproject.toml uv.lock
	$(SYNC)
	touch $@

$(TESTING): $(BASE)
	$(SYNC) --group test --extra train --extra cluster --extra otel
	touch $@

$(TRAINING): $(BASE)
	$(SYNC) --extra train --extra cluster
	touch $@

$(PEERS): $(wildcard tests/bench/peers/*.json) tests/bench/peers/uv.lock uv.lock tools/peers | $(BASE)
	SYNC="$(SYNC)" tools/peers

$(VENDOR): package.json package-lock.json tools/npm tools/vendor | $(BASE)
	SYNC="$(SYNC)" tools/vendor
	touch $@

$(CLIENTS): tests/e2e/clients/package.json tests/e2e/clients/package-lock.json tools/npm | $(BASE)
	SYNC="$(SYNC)" tools/npm --prefix tests/e2e/clients ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

%.mo: %.po | $(BASE)
	.venv/bin/pybabel -q compile -l $(word 2,$(subst /, ,$<)) -i $< -o $@
