# What you can ask for: make help

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8000
# 1 installs PyTorch without the libraries for GPUs (some 5 GB), 0 with them; empty: without on Linux where no GPU is.
CPU ?=
# Where PyTorch keeps its wheels for processors alone; out of reach, the usual ones are installed and the cost is said.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# Processes that share the tests; a file's tests stay together, since a chapter's cells build on one another.
WORKERS ?= 2
# Threads that spin while they wait make a shared machine many times slower; sleeping costs a quiet one nothing to speak of.
export OMP_WAIT_POLICY ?= PASSIVE
# The chapters and many tests start Python anew: without kept bytecode each start compiles SymPy and its like again.
unexport PYTHONDONTWRITEBYTECODE

# A run of your own: make train MODEL=vsc DATASET=mnist STEPS=3000 SEED=1 PARAMETERS="-p alpha 0.05"
MODEL ?= vsc
DATASET ?= smiley
STEPS ?=
SEED ?= 0
PARAMETERS ?=
NAME ?=
# Many runs: make sweep SWEEP=accuracy-latents SIZE=laptop; DRY=yes says the cost and trains nothing.
SWEEP ?= accuracy-latents
SIZE ?= laptop
DRY ?=
PROFILE ?= local
PAGES ?=
SWEEP_VENV ?= .sweep-venv
# make verify RETRAIN=1 draws one of the records that took at most so many minutes; SEED fixes the draw.
RETRAIN ?=
MINUTES ?= 10
# Parts of the benchmark, and how often each contestant takes its turn; QUICK=1 only says whether all runs.
PART ?=
ROUNDS ?=
QUICK ?=
# A teacher's: make grade ASSIGNMENT=gates SUBMISSIONS=folder; one student anew: ONLY=ada; what is late:
# DEADLINE=2026-12-01T12:00; without a fence where there is none, as you: UNFENCED=1.
ASSIGNMENT ?=
SUBMISSIONS ?=
GRADES ?= grades.csv
FEEDBACK ?= feedback
ONLY ?=
DEADLINE ?=
UNFENCED ?=

UV := $(shell uv --version >/dev/null 2>&1 && echo uv)
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# The same, and what a course needs.
COURSE := $(VENV)/.course
# What runs a sweep, apart from what its runs need.
SWEEPER := $(SWEEP_VENV)/.installed
FIRST_RUN := book/runs/local/vsc-smiley.ipynb
LIBRARY := $(shell find vsclib -name '*.py' 2>/dev/null)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help book pages serve lint quick test hooks train sweep chapters checks verify bench assignments grade feedback lock clean distclean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

book: $(FIRST_RUN) ## install (CPU=1: no libraries for GPUs), train a first sparse model, build the book with it
	@$(MAKE) --no-print-directory pages

pages: $(INSTALLED) ## build the book from the outputs that its notebooks hold
	$(BIN)/jupyter-book build book
	@echo
	@echo "The book is built. Open it in your browser:"
	@echo "    $(CURDIR)/book/_build/html/index.html"
	@test ! -f $(FIRST_RUN) || echo "Your own run is on the page $(CURDIR)/book/_build/html/$(FIRST_RUN:book/%.ipynb=%.html)"

serve: ## show the built book at http://localhost:8000 (another port: PORT=...)
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory book/_build/html $(PORT)

lint: $(INSTALLED) ## hold the code against its rules, types and plan: seconds, the first time a minute
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m pytest --quiet --override-ini addopts= --noconftest -p no:nbval tests/test_architecture.py

quick: $(COURSE) ## run the tests that train nothing for long and need no browser, book or notebook: about a minute
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not book" --durations 5 \
	    --numprocesses $(WORKERS) --dist loadfile

test: $(COURSE) $(SWEEPER) ## install and run every test, the chapters among them
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --nbval --durations 12 --numprocesses $(WORKERS) --dist loadfile

hooks: $(INSTALLED) ## look at every commit as it is made, with pre-commit
ifeq ($(UV),uv)
	uv pip install --python $(BIN)/python -e '.[develop]' -c requirements.lock
else
	$(BIN)/python -m pip install --progress-bar off -e '.[develop]' -c requirements.lock
endif
	$(BIN)/python -m pre_commit install

train: $(INSTALLED) ## train a model of your choice: MODEL=vae DATASET=digits STEPS=2000 SEED=1
	$(call run_experiment,book/runs/local,-p model $(MODEL) -p dataset $(DATASET) -p seed $(SEED) \
	    $(if $(NAME),-p name $(NAME)) $(if $(STEPS),-p steps $(STEPS)) $(PARAMETERS))
	@echo "Now 'make pages' adds it to the book."

sweep: $(INSTALLED) $(SWEEPER) ## make the runs of a file in sweeps/: SWEEP=accuracy-latents SIZE=laptop; the cost first: DRY=yes
	$(BIN)/python sweeps/sweep.py $(SWEEP) $(SIZE) --profile $(PROFILE) $(if $(DRY),--dry-run) \
	    $(if $(PAGES),--pages $(PAGES)) --snakemake $(SWEEP_VENV)/bin/snakemake
	@$(if $(DRY),true,$(BIN)/python sweeps/gather.py $(SWEEP) $(SIZE))

chapters: $(INSTALLED) ## execute chapters again and store their outputs: all, or ONLY="02-vae 03-vsc"
	$(BIN)/python notebooks/execute.py $(ONLY)

checks: $(INSTALLED) ## run every check of the ledger and store what it finds for the book's pages
	$(BIN)/python -m ledger

verify: $(INSTALLED) ## recompute every number that the pages quote; RETRAIN=1 trains a record again: SEED= MINUTES=10
	OMP_NUM_THREADS=1 $(BIN)/python -m results.verify $(if $(RETRAIN),--retrain --minutes $(MINUTES)) \
	    $(if $(filter command environment,$(word 1,$(origin SEED))),--seed $(SEED))

bench: $(INSTALLED) ## measure what things cost on this machine: all parts, or PART="comparison ladder"; ROUNDS=9
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks $(PART) $(if $(ROUNDS),--rounds $(ROUNDS)) \
	    $(if $(QUICK),--quick --output build/benchmark)

assignments: $(COURSE) ## write the assignments as students get them, without solutions: all, or ASSIGNMENT=gates
	$(BIN)/python assignments/release.py $(ASSIGNMENT)

grade: $(COURSE) ## grade ASSIGNMENT=name SUBMISSIONS=folder, each student in a fence: grades.csv and pages of feedback
	@$(BIN)/python assignments/grade.py "$(ASSIGNMENT)" "$(SUBMISSIONS)" --output "$(GRADES)" --feedback "$(FEEDBACK)" \
	    $(if $(ONLY),--only "$(ONLY)") $(if $(DEADLINE),--deadline "$(DEADLINE)") $(if $(UNFENCED),--unfenced)

feedback: $(COURSE) ## write the students' pages again from the grades that are kept: ASSIGNMENT=name
	@$(BIN)/python assignments/hand_back.py "$(ASSIGNMENT)" --feedback "$(FEEDBACK)"

lock: ## resolve the newest allowed versions into requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate --upgrade \
	    requirements.txt pyproject.toml --extra course --extra develop | grep -v '^-e' > requirements.lock.new
	mv requirements.lock.new requirements.lock
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate --upgrade \
	    sweeps/requirements.txt > sweeps/requirements.lock.new
	mv sweeps/requirements.lock.new sweeps/requirements.lock

clean: ## delete the built book and caches; your runs and the installation stay
	rm -rf book/_build build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

distclean: clean ## delete the installation too
	rm -rf $(VENV) $(SWEEP_VENV) *.egg-info

# How a run is made; the page gets its name only when the run has succeeded. Arguments: page, parameters.
define run_experiment
	$(BIN)/python -m vsclib.runs --page $(1) $(2)
endef

# PyTorch comes first, so that the rest finds it installed. Argument: what installs packages.
define install_for_cpu
	@$(BIN)/python .ci/cpu_wheels.py --cpu "$(CPU)" --index "$(TORCH_INDEX)" --python $(BIN)/python -- \
	    $(1) -c requirements.lock
endef

# FIRST RUN: the one line to change when the first run of `make book` should be another.
$(FIRST_RUN): FIRST_PARAMETERS = -p model vsc -p dataset smiley -p alpha 0.05 -p steps 2000 -p name vsc-smiley
$(FIRST_RUN): notebooks/experiments/train.ipynb $(LIBRARY) | $(INSTALLED)
	@echo "Training variational sparse coding on Smiley images; this takes about a minute."
	@rm -rf runs/vsc-smiley
	$(call run_experiment,$@,$(FIRST_PARAMETERS))

$(INSTALLED): requirements.txt requirements-cpu.txt requirements.lock pyproject.toml $(wildcard ledger/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("Python 3.11 or newer is needed, and %s is %d.%d: name a newer one with make PYTHON=python3.12" % (sys.executable, *sys.version_info[:2]))'
ifeq ($(UV),uv)
	test -x $(BIN)/python || uv venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	$(call install_for_cpu,uv pip install --python $(BIN)/python)
	uv pip install --python $(BIN)/python -r requirements.txt -c requirements.lock
else
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	$(call install_for_cpu,$(BIN)/python -m pip install --progress-bar off)
	$(BIN)/python -m pip install --progress-bar off -r requirements.txt -c requirements.lock
endif
	@touch $@

$(COURSE): $(INSTALLED)
ifeq ($(UV),uv)
	uv pip install --python $(BIN)/python -e '.[course]' -c requirements.lock
else
	$(BIN)/python -m pip install --progress-bar off -e '.[course]' -c requirements.lock
endif
	@touch $@

$(SWEEPER): sweeps/requirements.txt sweeps/requirements.lock
ifeq ($(UV),uv)
	test -x $(SWEEP_VENV)/bin/python || \
	    uv venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(SWEEP_VENV)
	uv pip install --quiet --python $(SWEEP_VENV)/bin/python -r sweeps/requirements.txt -c sweeps/requirements.lock
else
	test -x $(SWEEP_VENV)/bin/python || $(PYTHON) -m venv $(SWEEP_VENV)
	$(SWEEP_VENV)/bin/python -m pip install --quiet -r sweeps/requirements.txt -c sweeps/requirements.lock
endif
	@touch $@
