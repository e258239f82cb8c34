# Two commands: `make demo` and `make test`. Both set up what they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint bench reference setup clean

demo: setup
	$(BIN)/python demo/demo.py

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: setup
	$(BIN)/python bench/accuracy.py
	$(BIN)/python bench/instructions.py
	$(BIN)/python bench/cluster.py --l1 64,256 --platforms siracusa,siracusa-cores

reference: setup
	$(BIN)/python -m runnel.tools.reference docs/reference

setup: $(VENV)/installed

# Compilers and emulators from Debian or Ubuntu packages, everything else in a virtual environment.
$(VENV)/installed: pyproject.toml setup.sh
	sh setup.sh $(PYTHON) $(VENV)
	touch $@

clean:
	rm -rf $(VENV) out build
