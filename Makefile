# One command for everything: `make check`. It uses .venv if that is there.
PYTHON := $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)

.PHONY: check format lint types test slow lowest benchmark keys docs examples

check: lint
	$(MAKE) --no-print-directory -j2 types test

format:
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types:
	$(PYTHON) -m mypy

test:
	$(PYTHON) -m pytest -q -n auto

slow:
	$(PYTHON) -m pytest -q -m slow

lowest:
	PYTHON=$(PYTHON) .ci/lowest.sh

benchmark:
	$(PYTHON) benchmarks/speed.py --rounds 3
	$(PYTHON) benchmarks/scale.py --rounds 3
	$(PYTHON) benchmarks/engine.py --rounds 3
	$(PYTHON) benchmarks/runs.py --rounds 3
	$(PYTHON) benchmarks/evidence.py --rounds 3
	$(PYTHON) benchmarks/larger_than_memory.py --rounds 3
	$(PYTHON) benchmarks/own_networks.py --rounds 3

keys:
	$(PYTHON) docs/make_keys.py

docs: keys
	$(PYTHON) -m mkdocs build --strict

examples:
	$(PYTHON) docs/make_examples.py
	$(PYTHON) docs/make_notebook.py
