# Everything a newcomer needs: `make demo`, `make test`. The rest is for those who work on it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
DEMO_PORT ?= 8080
PYTEST ?= -n auto -q

.PHONY: demo test lint fix bench soak docs lock system-packages node-packages clean

# The run-time parts alone are enough for the demo; the tools come with the suite.
$(VENV)/runtime: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	$(PIP) install --no-deps -e .
	touch $@

$(VENV)/tools: requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	$(PIP) install --no-deps -e .
	touch $@ $(VENV)/runtime

demo: $(VENV)/runtime
	$(BIN)/tocsin demo --port $(DEMO_PORT)

# REQUIRE_ALL=1 turns what would be skipped for want of a program into a failure (CI).
# Compiled once: the suite starts the service some hundred times, even where PYTHONDONTWRITEBYTECODE is set.
test: $(VENV)/tools
	$(BIN)/python -m compileall -q -j 0 alerts checks monitor statuspage tests
	REQUIRE_ALL=$(REQUIRE_ALL) $(BIN)/python -m pytest $(PYTEST)

lint: $(VENV)/tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/tools
	$(BIN)/python -m tests.benchmarks

soak: $(VENV)/tools
	REQUIRE_ALL=$(REQUIRE_ALL) $(BIN)/python -m pytest $(PYTEST) --everything
	$(BIN)/python -m tests.soak

docs: $(VENV)/tools
	$(BIN)/python -m tools.screenshots
	$(BIN)/python -m tools.gallery

# Only for people who change the dependencies; commit the result.
lock: $(VENV)/tools
	$(PIP) install uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate pyproject.toml --group dev -o requirements-dev.lock

# Debian programs that the suite runs against: real peers, no stand-ins.
system-packages:
	.ci/system-packages

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
