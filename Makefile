# Everything a person types: make demo, make test. Each makes the virtual environment that it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What is linked here is what is installed: mypy cannot follow an editable install of mapped packages.
TREE := build/tree/jaxdnn

.PHONY: demo test test-long bench lint types clean

$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --quiet --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --quiet --editable ".[dev]"
	touch $@

demo: $(VENV)/.base
	$(BIN)/python examples/digits/demo.py
	$(BIN)/python examples/digit_detector/demo.py

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto

# OpenCV 5 has an environment of its own: the tests compare with OpenCV 4.
$(VENV)/opencv5: pyproject.toml
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --upgrade pip
	$@/bin/python -m pip install --quiet "opencv-python-headless>=5"
	touch $@

test-long: $(VENV)/.dev $(VENV)/opencv5
	JAXDNN_OPENCV5=$(CURDIR)/$(VENV)/opencv5/bin/python $(BIN)/python -m pytest -n auto -m long

bench: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --quiet --editable ".[bench]"
	cd benchmarks && ../$(BIN)/python cpu.py && ../$(BIN)/python cpu.py --batch 8 --blocks 5 --tune 10
	cd benchmarks && ../$(BIN)/python cold_start.py && ../$(BIN)/python calls.py
	cd benchmarks && ../$(BIN)/python gpu.py && ../$(BIN)/python gpu.py --batch 8

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	mkdir -p $(TREE)
	ln -sfn $(CURDIR)/src/jaxdnn/* $(TREE)/
	ln -sfn $(CURDIR)/layers $(CURDIR)/lowering $(CURDIR)/importers $(TREE)/
	MYPYPATH=build/tree $(BIN)/mypy

clean:
	rm -rf $(VENV) build out .pytest_cache .mypy_cache .ruff_cache .hypothesis
