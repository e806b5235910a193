# One front door: every job is one short target, and CI calls nothing else. Needs make and Python >= 3.11.
PYTHON    ?= python3
VENV      ?= .venv
# For `make catalogue`: TOGETHER implementations run side by side; CASES, CASES_OF (NAME=CASES for single implementations),
# LEAVE_OUT (names) and SETS (parameter sets) are usually not given.
DEPTH     ?= standard
JOBS      ?= 1
TOGETHER  ?= 1
BENCH_SECONDS ?= 2
# For `make test`: so many processes share the tests. 0: none beside pytest itself, as a debugger needs.
WORKERS   ?= logical
ORIGINALS ?= $(error say where the original vectors are: make vectors ORIGINALS=FOLDER)

BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check --quiet
PINS := pyproject.toml constraints.txt
RUN  := pqvalidate-runs/first-run-$(shell date -u +%Y%m%d-%H%M%S)
CODE := src tests benchmarks vectors examples/first_catalogue docs/conf.py docs/from_code.py

.DEFAULT_GOAL := help
.PHONY: help run test check fix golden vectors mutants costs bench gate figures pictures catalogue docs
.DELETE_ON_ERROR:

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.ready-run ## validate a real implementation, sign a certificate and verify it
	@mkdir -p $(RUN)
	$(BIN)/pqvalidate run openssl --depth quick --out $(RUN)/bundle
	$(BIN)/pqvalidate keygen --out $(RUN)/demo-key
	$(BIN)/pqvalidate certify $(RUN)/bundle --key $(RUN)/demo-key/signing-key.json --out $(RUN)/certificate.json
	$(BIN)/pqvalidate verify $(RUN)/certificate.json --trust $(RUN)/demo-key/trust.json
	@printf '\n%s\n' 'Done. Where to look next:' \
	  '  $(RUN)/bundle             the evidence: what was planned, run and seen' \
	  '  $(RUN)/certificate.json   the signed certificate' \
	  '  $(BIN)/pqvalidate run openssl   the same at standard depth: some minutes, all published cases and 12,288 drawn ones a set' \
	  '  $(BIN)/pqvalidate vendors       the other implementations that can be validated here' \
	  '  docs/tutorial/first-run.md      what you just saw, step by step' \
	  '  docs/howto/attach-python.md     the same for your own implementation'

test: $(VENV)/.ready-all ## run the tests
	$(BIN)/python -m pytest -p no:benchmark -n $(WORKERS) --maxprocesses 4 --dist worksteal

check: $(VENV)/.ready-all ## lint, format, types, layers, documentation
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(MAKE) --no-print-directory docs

fix: $(VENV)/.ready-all ## mend what the linter and the formatter can mend
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

golden: $(VENV)/.ready-all ## rewrite the golden files and the help texts in the documentation; review the difference
	PQV_UPDATE_GOLDEN=1 $(BIN)/python -m pytest tests/golden tests/house_rules/test_help_blocks.py

vectors: $(VENV)/.ready-all ## pack vectors/ again from a folder of the originals: make vectors ORIGINALS=FOLDER
	$(BIN)/python vectors/pack.py $(ORIGINALS)

mutants: $(VENV)/.ready-all ## show that every check kills its mutant
	$(BIN)/python -m pytest tests/mutants -m 'whole_matrix or not whole_matrix'

costs: $(VENV)/.ready-all ## record what each check costs, for the expected duration that `plan` prints
	$(BIN)/python benchmarks/record_costs.py

bench: $(VENV)/.ready-all ## measure the cost of our own harness
	$(BIN)/python -m pytest benchmarks

gate: $(VENV)/.ready-all ## fail where our own work takes 5 % more instructions than the baseline (valgrind)
	$(BIN)/python benchmarks/gate.py

figures: $(VENV)/.ready-all ## measure every built-in implementation and write docs/reference/speed.md
	$(BIN)/python benchmarks/figures.py

pictures: $(VENV)/.ready-all ## draw the pictures in docs/images anew, from real runs
	$(BIN)/python benchmarks/pictures.py

catalogue: $(VENV)/.ready-all ## examine everything that can be attached, publish it, write docs/reference/first-catalogue.md
	$(BIN)/python -m examples.first_catalogue --depth $(DEPTH) $(if $(CASES),--cases $(CASES)) \
	  $(foreach one,$(CASES_OF),--cases-of $(one)) $(foreach one,$(LEAVE_OUT),--leave-out $(one)) \
	  $(foreach set,$(SETS),--parameter-set $(set)) --jobs $(JOBS) \
	  --together $(TOGETHER) --seconds $(BENCH_SECONDS)

docs: $(VENV)/.ready-all ## build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

# Set-up. A stamp is renewed when the dependencies or the pins change. The build backend comes first and without build
# isolation, because pip applies the pins of constraints.txt to nothing that it installs in isolation.
$(VENV)/.ready-run: EXTRAS := vendors
$(VENV)/.ready-all: EXTRAS := vendors,bench,cbom,dask,pdf,plots,timestamp,docs,dev
$(VENV)/.ready-%: $(PINS) | $(VENV)/bin/python
	@echo "Setting up $(VENV) with [$(EXTRAS)]: a minute or two, once" >&2
	@$(PIP) install -c constraints.txt hatchling
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[$(EXTRAS)]'
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "pqvalidate needs Python 3.11 or later; $(PYTHON) is older or missing. Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
