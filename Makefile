# `make train` and `make test` do all the set-up on a fresh machine: an environment in .venv with
# the exact versions of constraints.txt. `make PYTHON=python3.12 test` chooses the interpreter.
PYTHON ?= python3
# Three workers for two cores, see tests/conftest.py; one with nothing left to do takes tests from another.
PARALLEL = -n auto --dist worksteal
# Where this is set, as in many containers, each worker and each process of a test would compile all
# sources again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: train compare tensorboard test test-all test-slow test-lowest lint docs benchmark benchmark-backprop clean

train: .venv/installed
	.venv/bin/python scripts/train.py

compare: .venv/installed  # make compare FILE=my_script.py; without FILE, our own two networks
	.venv/bin/python scripts/compare.py $(if $(FILE),"$(FILE)")

tensorboard: .venv/installed
	.venv/bin/tensorboard --logdir lightning_logs

test: .venv/installed
	.venv/bin/python -m pytest $(PARALLEL)

test-all: .venv/installed  # those with a browser or a notebook's kernel, too
	.venv/bin/python -m pytest $(PARALLEL) -m "not slow"

test-slow: .venv/installed
	.venv/bin/python -m pytest $(PARALLEL) -m slow

test-lowest: .venv-lowest/installed  # without warnings: old packages get them for using new ones
	.venv-lowest/bin/python -m pytest $(PARALLEL) -m "not slow" -W ignore

lint: .venv/installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

docs: .venv/installed  # into build/site/; needs Python 3.11
	.venv/bin/pip install -q -c constraints.txt -e '.[docs]'
	.venv/bin/sphinx-build -qEW --keep-going docs build/site

benchmark: .venv/installed
	.venv/bin/python scripts/benchmark.py

benchmark-backprop: .venv/installed  # how often is `compare FILE` right? Over 200 files
	.venv/bin/python -m benchmarks.backprop.run

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo 'xor_torch needs Python 3.10 or newer: make PYTHON=python3.12'; exit 1; }
	$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo 'On Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	.venv/bin/pip install -q -c constraints.txt -e '.[test,lint]'
	@touch $@

.venv-lowest/installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install -q -c constraints-lowest.txt -e '.[test]'
	@touch $@

clean:
	rm -rf .venv .venv-lowest build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
