# Two commands, each enough on a machine that has Python 3.11 or newer and make:
#   make lecture    the lecture's rows in JAX beside PyTorch
#   make test       lint, types, doctests, tests
# And beside them: make docs, make dist, make notebooks, make test-long, make bench, make bench-quick.
# Each fills .venv on the first call, and again when pyproject.toml or the pins change.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
JOBS   ?= 2
ARGS   ?=
# Tests that take half a minute and more are listed at the end.
PARALLEL = -n $(JOBS) --dist worksteal --durations=20 --durations-min=30
# Compile without optimisation: what the sweeps compile is run once (tests/support/compiling.py).
# `make test-long` compiles the tests of `make test` once more with XLA's defaults.
QUICK = CONVGRAD_QUICK=on

.PHONY: lecture notebooks test test-long test-rule-off test-onednn-off test-versions bench bench-quick \
  bench-more-layers bench-networks scaling platforms docs dist lint format clean

lecture: $(VENV)/.lecture
	@$(BIN)/python -m compare $(ARGS)

# All of them, in three languages; pages in build/notebooks.
notebooks: $(VENV)/.test
	$(BIN)/python -m notebooks $(ARGS)

test: lint
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -p no:cacheprovider --doctest-modules conv grad custom_vjp compare port experiments
	$(QUICK) $(BIN)/python -m pytest $(PARALLEL) -m "not long and not optimised" tests
	$(BIN)/python -m pytest $(PARALLEL) -m "not long and optimised" tests

test-long: lint test-rule-off test-onednn-off
	$(QUICK) $(BIN)/python -m pytest $(PARALLEL) -m long tests
	$(BIN)/python -m pytest $(PARALLEL) -m "not long" tests

# The convolutions once more, as JAX itself lowers them on CPU.
test-rule-off: $(VENV)/.test
	CONVGRAD_RULE=off $(QUICK) $(BIN)/python -m pytest $(PARALLEL) -m "not long" \
	  tests/conv --ignore tests/conv/lowering

# The lowering as on a platform whose jaxlib has no oneDNN.
test-onednn-off: $(VENV)/.test
	CONVGRAD_ONEDNN=off $(BIN)/python -m pytest $(PARALLEL) -m "not long" tests/conv/lowering

# On the oldest supported JAX, the newest and one between, each with a Python of its own.
test-versions: $(VENV)/.test
	$(BIN)/python -m checks.versions $(ARGS)

# A training step on 1, 2, 4 and 8 virtual devices and in two processes; beyond, by calculation.
scaling: $(VENV)/.test
	XLA_FLAGS=--xla_force_host_platform_device_count=8 JAX_PLATFORMS=cpu \
	  $(BIN)/python -m experiments.scaling $(ARGS)

# Every public function for cpu, cuda and tpu. TPU's compiler lives in an environment of its own.
platforms: $(VENV)-tpu/.tpu
	$(VENV)-tpu/bin/python -m checks.platforms $(ARGS)

# All sides alike keep the memory that they free. By default glibc gives large blocks back, and takes
# them anew as fresh pages, 0.3 ms a MB: which side it does so for is chance, and doubles some times.
ALLOCATOR = glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=4294967296

bench: $(VENV)/.test
	GLIBC_TUNABLES=$(ALLOCATOR) $(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(VENV)/.test
	GLIBC_TUNABLES=$(ALLOCATOR) $(BIN)/python -m benchmarks --quick $(ARGS)

# Layers of more networks, to find what is slower than raw lax.
bench-more-layers: $(VENV)/.test
	GLIBC_TUNABLES=$(ALLOCATOR) $(BIN)/python -m benchmarks --more-layers $(ARGS)

# Whole networks, forward and a training step, against PyTorch in both of its layouts.
bench-networks: $(VENV)/.test
	GLIBC_TUNABLES=$(ALLOCATOR) $(BIN)/python -m benchmarks.networks $(ARGS)

# The site, in build/docs: pages, notebooks as they are stored, a reference from the docstrings.
docs: $(VENV)/.docs
	$(BIN)/python -m docs $(ARGS)

# Wheel and sdist, in build/dist: checked, and installed in an environment that has nothing else, where
# the README's examples run.
dist: $(VENV)/.dist
	rm -rf build/dist build/clean *.egg-info
	$(BIN)/python -m build --outdir build/dist .
	$(BIN)/python -m twine check --strict build/dist/*
	$(BIN)/check-wheel-contents build/dist/*.whl
	$(PYTHON) -m venv build/clean
	build/clean/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt build/dist/*.whl
	cd build/clean && bin/python -m doctest -o NORMALIZE_WHITESPACE -o ELLIPSIS ../../README.md
	@echo "The README's examples run with build/dist/*.whl."

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(VENV)-* build *.egg-info

# A stamp says which extras an environment holds: .test holds all that .lecture does.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"convgrad needs Python 3.11 or newer; $(PYTHON) is {v[0]}.{v[1]}. Say which to use: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

$(VENV)/.lecture: $(VENV)/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[torch]'
	@touch $@

$(VENV)/.test: $(VENV)/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[torch,test,bench,notebooks]'
	@touch $@ $(VENV)/.lecture

$(VENV)/.docs: $(VENV)/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs,bench,port]'
	@touch $@

$(VENV)/.dist: $(VENV)/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dist]'
	@touch $@

$(VENV)-tpu/.tpu: pyproject.toml
	$(PYTHON) -m venv $(VENV)-tpu
	$(VENV)-tpu/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-tpu/bin/python -m pip install --quiet -e '.[tpu]'
	@touch $@
