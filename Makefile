# make lab     install netlab into .venv and open the workbook in JupyterLab
# make test    everything: style, types, unit, property, differential, conformance and lab tests, notebooks
# make help    all targets

PYTHON ?= python3
# What `make test` installs besides the base; the tests of the grading need `teach` too: make test EXTRAS="test teach"
EXTRAS ?= test
# How many processes the tests without sockets use
WORKERS ?= auto
# More options for JupyterLab, for example --no-browser
NETLAB_LAB_ARGS ?=

RUN = .venv/bin/python
# Tests that open sockets, measure time, start browsers or make network namespaces; each line's one after the other.
SOCKETS = tests/network tests/lab tests/conformance tests/cli tests/differential
BROWSERS = tests/browser tests/setup
REAL = $(SOCKETS) $(BROWSERS)
ONE_BY_ONE = $(RUN) -m pytest -q $(AGAIN)
QUIET_ENV = unset NETLAB_NETWORK; NETLAB_HEADLESS=1; export NETLAB_HEADLESS;
# The workers of one run must list the same tests in the same order, also those made from a set.
# Real sockets, clocks and browsers on a busy machine: what fails once is run once more, and the summary names it.
AGAIN = --reruns 1
PARALLEL = PYTHONHASHSEED=0 $(RUN) -m pytest -q -n $(WORKERS)

.NOTPARALLEL:
.PHONY: help lab install test style unit real sockets browsers rates beside doctest nbval recorded bench notebooks picture constraints clean python

help:
	@echo 'make lab          install netlab into .venv and open the workbook in JupyterLab'
	@echo 'make test         install the extra "test" and run every test'
	@echo '  make style unit doctest rates real nbval    its parts'
	@echo 'make recorded     the property and differential tests with many more examples'
	@echo 'make bench        measure netlab side by side with ping, fping and others; print the ratios'
	@echo 'make notebooks    make the notebooks for learners from notebooks/solutions and run them'
	@echo 'make picture      make the pictures of the panels in docs anew'
	@echo 'make constraints  write constraints.txt anew'
	@echo 'make clean        remove .venv and everything that tests left behind'
	@echo 'PYTHON=python3.12 chooses the Python that .venv is made with; NETLAB_LAB_ARGS is for JupyterLab.'

lab: python
	@$(PYTHON) tools/lab.py $(NETLAB_LAB_ARGS)

test: style unit doctest beside nbval

install: python
	@$(PYTHON) tools/environment.py $(EXTRAS)

style: install
	$(RUN) -m ruff check .
	$(RUN) -m mypy

unit: install
	$(PARALLEL) $(AGAIN) --dist loadfile -m 'not rates' $(REAL:%=--ignore=%) tests

# How often statistical results are right, over many seeds: long, but no clock matters.
rates: install
	$(PARALLEL) -o faulthandler_timeout=1500 -m rates tests/test_confusion.py tests/probe

doctest: install
	$(QUIET_ENV) $(RUN) -m pytest -q --doctest-modules netlab

real: install
	$(ONE_BY_ONE) $(REAL)

sockets: install
	$(ONE_BY_ONE) $(SOCKETS)

browsers: install
	$(ONE_BY_ONE) $(BROWSERS)

# Tests with sockets and browsers wait more than they work: the same as `make rates real`, sooner.
beside: install
	@$(RUN) tools/beside.py $(foreach part,rates sockets browsers,'$(MAKE) --no-print-directory $(part)')

# No notebook needs a network: they run where no route leads out.
nbval: install
	$(QUIET_ENV) $(RUN) tools/alone.py env $(PARALLEL) --dist loadscope --nbval --nbval-current-env --nbval-cell-timeout 60 notebooks

recorded: install
	NETLAB_HYPOTHESIS_PROFILE=recorded NETLAB_DIFFERENTIAL=2000 $(PARALLEL) tests/differential/test_wire*.py tests/wire tests/http/test_differential.py

bench: python
	@$(PYTHON) tools/environment.py bench
	$(QUIET_ENV) $(RUN) -m benchmarks

notebooks: python
	@$(PYTHON) tools/environment.py test teach
	$(QUIET_ENV) $(RUN) -m tools.notebooks

picture: install
	NETLAB_SCREENSHOT=1 $(RUN) -m pytest -q tests/browser -k picture_of_the_readme

constraints: python
	@$(PYTHON) tools/constraints.py

clean:
	rm -rf .venv build dist netlab_workbook.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name .ipynb_checkpoints -prune -exec rm -rf {} +

python:
	@command -v $(PYTHON) >/dev/null || { echo 'netlab: there is no $(PYTHON) here; install Python 3.11 or newer.' >&2; exit 1; }
