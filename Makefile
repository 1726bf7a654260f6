# plusx: `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check
PEERS := .venv-peers
PEERS_READY := $(PEERS)/.ready
SITE := -c 'import sysconfig; print(sysconfig.get_path("purelib"))'

.PHONY: help demo setup lint check test test-peers docs bench bench-gpu clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY)  ## install, train on the embedded digits, say where report and model are (a minute)
	$(BIN)/plusx train --data digits

setup: $(READY)  ## make .venv with the tested versions of everything

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "plusx needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt setuptools
	$(PIP) install -q -c constraints.txt --no-build-isolation -e '.[train,shards,analysis,dev]'
	@touch $@

lint: $(READY)  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint  ## the same, with quick tests and the README's snippets (under two minutes)
	$(BIN)/pytest -q -m "not full"

test: $(READY)  ## the whole test suite
	$(BIN)/pytest

test-peers: $(PEERS_READY)  ## our networks against torchvision's and timm's, weights both ways
	$(PEERS)/bin/python -m pytest tests/peers

# torchvision and timm apart: a torchvision without operators breaks those who find it
$(PEERS_READY): $(READY) tests/peers/requirements.txt
	$(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check install -q --no-deps \
	  -c constraints.txt -r tests/peers/requirements.txt
	echo "import site; site.addsitedir('$$($(BIN)/python $(SITE))')" \
	  >"$$($(PEERS)/bin/python $(SITE))/main.pth"
	@touch $@

docs: $(READY)  ## docs/zoo.md, doctor.md and attention.md from the code, counted anew (some minutes)
	$(BIN)/python docs/make.py --counts
	$(BIN)/python docs/make_doctor.py --example
	$(BIN)/python docs/make_attention.py

bench: $(PEERS_READY)  ## figures against peers, side by side, into README; ONLY="zoo input" for some
	$(BIN)/python benchmarks/run.py $(ONLY)

bench-gpu: $(PEERS_READY)  ## the same for a CUDA GPU; a line where there is none
	$(BIN)/python benchmarks/gpu.py
	$(BIN)/python benchmarks/table.py

clean:  ## remove the environment and the caches, no run and no result
	rm -rf $(VENV) $(PEERS) .pytest_cache .mypy_cache .ruff_cache .hypothesis build src/*.egg-info
