# make demo   from nothing to a page of results, in an environment and a profile of its own
# make test   lint and the tests that need no daemon and no engine but LAMMPS
.DEFAULT_GOAL := help
.PHONY: help demo demo-polyanion demo-dft demo-train demo-learn demo-borohydride demo-benchmark demo-lattice demo-paddlewheel docs test test-all test-slow soak learning bench bench-campaigns bench-throughput bench-large bench-constraint bench-deviation bench-lattice bench-levels bench-full-form lint clean

PYTHON ?= python3
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export SUPERIONIC_ENGINES := $(CURDIR)/.engines
export OMP_NUM_THREADS := 1
export PATH := $(BIN):$(PATH)

help:
	@sed -n 's/^# //p' $(MAKEFILE_LIST)

$(VENV)/.package: pyproject.toml
	@echo "installing aiida-superionic in .venv ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --editable .
	@touch $@

$(VENV)/.tools: $(VENV)/.package
	@echo "installing the test tools in .venv ..."
	@$(PIP) --editable '.[tests,lint]'
	@touch $@

$(SUPERIONIC_ENGINES)/lammps/.installed: | $(VENV)/.package
	@$(BIN)/aiida-superionic engines install lammps --no-register
	@touch $@

demo: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@AIIDA_PATH=$(CURDIR)/.demo sh examples/demo.sh agi

# make demo-polyanion   what each motion of the phosphate ions of Na3PO4 does to conduction; takes about a quarter of an hour
demo-polyanion: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@AIIDA_PATH=$(CURDIR)/.demo sh examples/demo.sh polyanion

# make demo-dft   where the electrons of AgI are along a classical trajectory; needs CP2K, takes long
demo-dft: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@command -v cp2k.psmp || command -v cp2k.ssmp || { echo "no CP2K on PATH; as root: apt-get install cp2k" >&2; exit 1; }
	@AIIDA_PATH=$(CURDIR)/.demo aiida-superionic setup
	@AIIDA_PATH=$(CURDIR)/.demo verdi run examples/dft.py .demo/dft.html

# make demo-train   a committee that learns from a classical potential, and whether its predicted errors hold
demo-train: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@AIIDA_PATH=$(CURDIR)/.demo aiida-superionic setup
	@AIIDA_PATH=$(CURDIR)/.demo verdi run examples/train.py .demo/train.html

# make demo-learn   a potential learns from a classical one on the fly, and runs beside it; takes some ten minutes
demo-learn: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@AIIDA_PATH=$(CURDIR)/.demo aiida-superionic setup
	@AIIDA_PATH=$(CURDIR)/.demo verdi run examples/learn.py

# make demo-borohydride   a potential of LiBH4 learns from CP2K, and runs with its anions turning and held; needs CP2K, takes some ten minutes
demo-borohydride: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@command -v cp2k.psmp || command -v cp2k.ssmp || { echo "no CP2K on PATH; as root: apt-get install cp2k" >&2; exit 1; }
	@AIIDA_PATH=$(CURDIR)/.demo aiida-superionic setup
	@AIIDA_PATH=$(CURDIR)/.demo verdi run examples/borohydride.py

# make demo-benchmark   how faithful a potential is to the dynamics that it learned from, in AgI; another MATERIAL needs CP2K and takes long
MATERIAL ?= alpha-AgI
demo-benchmark: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@test "$(MATERIAL)" = alpha-AgI || command -v cp2k.psmp || command -v cp2k.ssmp || { echo "no CP2K on PATH; as root: apt-get install cp2k" >&2; exit 1; }
	@AIIDA_PATH=$(CURDIR)/.demo aiida-superionic setup
	@AIIDA_PATH=$(CURDIR)/.demo verdi run examples/benchmark.py --material $(MATERIAL) --page .demo/benchmark-$(MATERIAL).html $(addprefix --test ,$(TESTS))

# make demo-lattice   the figures of the time-local model's paper, and its numbers beside ours; takes long
demo-lattice: $(VENV)/.package
	@$(BIN)/python examples/time_local.py .demo/time-local

# make demo-paddlewheel   two models of AgI side by side: ions, electrons, forces across them; needs CP2K
demo-paddlewheel: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@command -v cp2k.psmp || command -v cp2k.ssmp || { echo "no CP2K on PATH; as root: apt-get install cp2k" >&2; exit 1; }
	@AIIDA_PATH=$(CURDIR)/.demo aiida-superionic setup
	@AIIDA_PATH=$(CURDIR)/.demo verdi run examples/teacher_frames.py
	@AIIDA_PATH=$(CURDIR)/.demo sh examples/demo.sh paddlewheel

# make docs   the handbook as HTML, in docs/_build/html; a warning is an error
$(VENV)/.docs: $(VENV)/.package
	@echo "installing Sphinx in .venv ..."
	@$(PIP) --editable '.[docs]'
	@touch $@

docs: $(VENV)/.docs
	@$(BIN)/sphinx-build -q -n -W --keep-going docs docs/_build/html
	@echo "docs/_build/html/index.html"

test: lint $(SUPERIONIC_ENGINES)/lammps/.installed
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "not slow and not soak and not daemon and not cp2k and not learning"

# make test-all   these, those of the daemon, and those of CP2K, DeePMD-kit and NequIP where they are
test-all: lint $(SUPERIONIC_ENGINES)/lammps/.installed
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "not slow and not soak"

# make soak   break PostgreSQL, RabbitMQ, SLURM and the daemon under a campaign, as root; POINTS=500 makes it a long one
soak: $(VENV)/.tools $(SUPERIONIC_ENGINES)/lammps/.installed
	@SOAK_POINTS=$(or $(POINTS),30) $(BIN)/python -m pytest -m soak

# make test-slow   the tests that take minutes
test-slow: $(VENV)/.tools $(SUPERIONIC_ENGINES)/lammps/.installed
	@$(BIN)/python -m pytest -m slow

# make learning   install DeePMD-kit and NequIP, some gigabytes; their tests are skipped without
$(SUPERIONIC_ENGINES)/learning/.installed: | $(VENV)/.package
	@echo "installing DeePMD-kit and NequIP in .engines ..."
	@$(BIN)/aiida-superionic engines install learning --no-register
	@touch $@

learning: $(SUPERIONIC_ENGINES)/learning/.installed

# make bench   measure the analysis beside its peers, which have an environment of their own
$(CURDIR)/.bench/.installed: benchmarks/requirements.txt
	@test -x .bench/bin/python || $(PYTHON) -m venv .bench
	@.bench/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements.txt
	@touch $@

bench: $(CURDIR)/.bench/.installed
	@PYTHONPATH=$(CURDIR) .bench/bin/python benchmarks/analysis.py

# make bench-large   analyse 17 GB, written for it, within 3 GiB of memory; takes some ten minutes
bench-large: $(VENV)/.package
	@PYTHONPATH=$(CURDIR) $(BIN)/python benchmarks/large.py

# make bench-constraint   measure what constraints cost in LAMMPS
bench-constraint: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@PYTHONPATH=$(CURDIR) $(BIN)/python benchmarks/constraint.py $(SUPERIONIC_ENGINES)/lammps/bin/lmp

# make bench-deviation   measure what the deviation of a committee of deep potentials costs along a run
bench-deviation: $(VENV)/.package $(SUPERIONIC_ENGINES)/learning/.installed
	@PYTHONPATH=$(CURDIR) $(BIN)/python benchmarks/deviation.py $(SUPERIONIC_ENGINES)/learning/bin

# make bench-throughput   measure what a campaign's submission costs over plain AiiDA's, in a profile of its own
bench-throughput: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@rm -rf .bench/throughput
	@AIIDA_PATH=$(CURDIR)/.bench/throughput sh benchmarks/throughput.sh

# make bench-lattice   measure the time-local model beside the sum over all modes
bench-lattice: $(VENV)/.package
	@PYTHONPATH=$(CURDIR) $(BIN)/python benchmarks/lattice.py

# make bench-levels   tell what CP2K's GFN1-xTB and PBE are worth in ionic crystals; needs CP2K
bench-levels: $(VENV)/.package $(CURDIR)/.bench/.installed
	@PYTHONPATH=$(CURDIR) $(BIN)/python benchmarks/levels.py "$$(command -v cp2k.psmp || command -v cp2k.ssmp)" .bench/bin/python

# make bench-full-form   measure what the full form of the electronic-paddlewheel study costs; needs CP2K and takes an hour
bench-full-form: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed $(SUPERIONIC_ENGINES)/learning/.installed
	@mkdir -p .bench/full-form
	@AIIDA_PATH=$(CURDIR)/.bench/full-form aiida-superionic setup
	@PYTHONPATH=$(CURDIR) AIIDA_PATH=$(CURDIR)/.bench/full-form verdi run benchmarks/full_form.py

# make bench-campaigns   time the commands of a campaign of ten thousand points, in SQLite and in PostgreSQL
bench-campaigns: $(VENV)/.package $(SUPERIONIC_ENGINES)/lammps/.installed
	@PYTHONPATH=$(CURDIR) $(BIN)/python benchmarks/campaigns.py

# make lint   style, types, and who may import whom
lint: $(VENV)/.tools
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

# make clean   remove what make made, the demo's profile included
clean:
	-@test ! -d .demo || AIIDA_PATH=$(CURDIR)/.demo $(BIN)/verdi daemon stop
	rm -rf .venv .engines .demo .bench docs/_build
