# Each target makes its own virtual environment and everything else that it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# By path, so that a script beside the clone finds the package and not the clone's folder of the same name.
EDITABLE := --config-settings editable_mode=compat
export TF_CPP_MIN_LOG_LEVEL ?= 3
NO_REPORT := --cov-report= --cov-fail-under=0
ON_EACH_CORE := -n logical --maxprocesses 8 --dist worksteal
KERNEL_TESTS := $(addprefix tests/,$(addsuffix .py,denoisers/test_sklearn_contract denoisers/test_precision \
	test_integration networks/test_concurrency files/test_skops denoisers/test_reproducibility))

.PHONY: demo test test-slow test-kernels coverage test-oldest lint format docs bench bench-quality bench-long mutation wheel clean

demo: $(VENV)/.demo
	$(BIN)/sk-denoise demo

# Fast tests. With COVERAGE=1, which takes a sixth longer, this and `test-slow` collect the data for `coverage`.
test: $(VENV)/.dev
	$(BIN)/python -m pytest $(ON_EACH_CORE) $(if $(COVERAGE),--cov $(NO_REPORT))

# Damaged files, kills, grids of bad input, long fits, documentation examples.
test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow $(ON_EACH_CORE) $(if $(COVERAGE),--cov --cov-append $(NO_REPORT))

coverage: $(VENV)/.dev
	$(BIN)/coverage report --skip-covered --show-missing

# Tests that must pass on every processor, with oneDNN and XLA limited to SSE. Trained weights differ from a normal run's.
test-kernels: export TF_ENABLE_ONEDNN_OPTS = 1
test-kernels: export ONEDNN_MAX_CPU_ISA = SSE41
test-kernels: export XLA_FLAGS = --xla_cpu_max_isa=SSE4_2
test-kernels: $(VENV)/.dev
	$(BIN)/python -m pytest -m "slow or not slow" $(ON_EACH_CORE) $(KERNEL_TESTS)

test-oldest:
	test -x $(VENV)-oldest/bin/python || $(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/pip install -q --disable-pip-version-check -c constraints-oldest.txt $(EDITABLE) -e '.[test]'
	$(VENV)-oldest/bin/python -m pytest $(ON_EACH_CORE) -m "slow or not slow"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.dev
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt $(EDITABLE) -e '.[bench]'
	$(BIN)/python benchmarks/speed

bench-quality: $(VENV)/.dev
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/defaults.py

bench-long: $(VENV)/.dev
	$(BIN)/python benchmarks/long_runs.py

mutation: $(VENV)/.dev
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt $(EDITABLE) -e '.[mutation]'
	rm -rf build/mutation
	$(BIN)/python benchmarks/mutation.py

wheel: $(VENV)/.dev
	rm -rf dist build
	$(BIN)/python -m build --wheel
	ls -l dist
	$(BIN)/python -m zipfile --list dist/*.whl | grep mnist_subset.npz
	test $$($(BIN)/python -m zipfile --list dist/*.whl | grep -c licenses/) = 2
	rm -rf build/empty && $(PYTHON) -m venv build/empty
	build/empty/bin/pip install -q -c constraints.txt dist/*.whl
	cd build && empty/bin/sk-denoise demo --output empty/demo

$(VENV)/.demo: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt $(EDITABLE) -e .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt $(EDITABLE) -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-oldest build dist docs/_build docs/auto_examples docs/reference/generated *.egg-info .pytest_cache .ruff_cache
