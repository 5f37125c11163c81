# Everything a fresh machine needs is Python 3.11 or newer, with venv and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Peers have an environment of their own, so that they never become dependencies.
PEERS := .venv-peers
# Where PyTorch without CUDA is, which is some gigabytes less; empty: take pip's own.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: grid check test test-slow soak regression bench bench-long bench-gpu bench-instructions peers homework docs page lint clean

# Installs once, then runs the main job on embedded data. ARGS="--seeds 5" passes options on.
grid: $(VENV)/.installed
	$(BIN)/python -m bench.grid $(ARGS)

# Holds results/results.csv against results/thresholds.toml.
check: $(VENV)/.installed
	$(BIN)/python -m bench.check $(ARGS)

# By two workers, each on a processor of its own (tests/__init__.py).
PYTEST := OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n 2

test: $(VENV)/.installed-test
	$(PYTEST) $(ARGS)

# What takes longest; part of CI.
test-slow: $(VENV)/.installed-test
	$(PYTEST) -m slow $(ARGS)

# Kills a grid fifty times, and has every reader read odd content for half a minute.
soak: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m soak $(ARGS)

# Trains for real with an empty store, and holds the thresholds; part of CI.
regression: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m regression $(ARGS)

# Times the training core against plain loops, and writes docs/speed.md.
bench: $(VENV)/.installed-test
	$(BIN)/python -m pytest --benchmark-only --benchmark-json=results/speed.json $(ARGS)
	$(BIN)/python -m bench.speed results/speed.json --into docs/speed.md

# The same, and the full sizes: 8,500 images.
bench-long: $(VENV)/.installed-test
	$(BIN)/python -m pytest --benchmark-only --benchmark-json=results/speed.json \
	  -m "not gpu" $(ARGS)
	$(BIN)/python -m bench.speed results/speed.json --into docs/speed.md

# On a machine with an NVIDIA GPU: checks the core against the plain loop there, then times it.
# About four minutes; interrupted after eight, it still writes what it has measured.
bench-gpu: $(VENV)/.installed-test
	timeout --signal=INT 460 $(BIN)/python -m pytest -v --benchmark-only \
	  --benchmark-json=results/speed-gpu.json -m gpu tests/benchmarks/test_gpu.py $(ARGS); \
	code=$$?; $(BIN)/python -m bench.speed results/speed-gpu.json | tee results/speed-gpu.txt; \
	exit $$code

# Counts instructions of starting and planning by valgrind, some minutes, and holds them against
# results/instructions.json; ARGS=--renew writes that file.
bench-instructions: $(VENV)/.installed-test
	$(BIN)/python -m tests.benchmarks.instructions $(ARGS)

# Against deep clustering by others, on the same images; an hour or so. Writes docs/peers.md.
peers: $(PEERS)/.installed
	OMP_WAIT_POLICY=passive $(PEERS)/bin/python docs/peers/compare.py $(ARGS)

# The HW5 report's comparison, one change at a time, and with a rate that trains, into build/homework
# (docs/homework.md). DATA=npy:DIR names images of the report's form, which take hours without a GPU;
# the embedded digits only show that it runs.
DATA ?= digits
homework: $(VENV)/.installed
	for run in report changes trains; do \
	  $(BIN)/python -m bench.grid --config docs/homework/$$run.toml --dataset $(DATA) \
	    --plugin docs/homework/variants.py --out build/homework/$$run $(ARGS) || exit; \
	done
	$(BIN)/python docs/homework/analyze.py build/homework

# Makes a site of docs/ in build/docs; what Sphinx warns of is an error, links to nothing included.
docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -n -q docs build/docs $(ARGS)

# Checks, tests and builds the page's script, bench/report/page/parts/page.js, which is committed;
# the only target that needs Node (20 or newer).
page: bench/report/page/script/node_modules/.installed
	npm --prefix bench/report/page/script run build

bench/report/page/script/node_modules/.installed: bench/report/page/script/package-lock.json
	npm --prefix bench/report/page/script ci
	touch $@

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(PEERS) .store build docs/reference *.egg-info .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python $(PEERS)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: latentgrid needs Python 3.11 or newer; found $$($(PYTHON) -V 2>&1). Name one that is: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(@D:/bin=) || { rm -rf $(@D:/bin=); \
	  echo "error: no virtual environment could be made; on Debian: sudo apt install python3-venv" >&2; exit 2; }

# A stamp is newer than pyproject.toml when what that file asks for is installed.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -e ".[test]"
	touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -e ".[docs]"
	touch $@ $(VENV)/.installed

# PyTorch first: from the index without CUDA if that can be reached, else with the others.
$(PEERS)/.installed: pyproject.toml docs/peers/requirements.txt docs/peers/requirements-alone.txt \
  | $(PEERS)/bin/python
	-test -z "$(TORCH_INDEX)" || $(PEERS)/bin/python -m pip install --disable-pip-version-check \
	  --retries 0 --timeout 15 --index-url "$(TORCH_INDEX)" 'torch>=2.6,<2.14'
	$(PEERS)/bin/python -m pip install --disable-pip-version-check -e . -r docs/peers/requirements.txt
	$(PEERS)/bin/python -m pip install --disable-pip-version-check --no-deps \
	  -r docs/peers/requirements-alone.txt
	touch $@
