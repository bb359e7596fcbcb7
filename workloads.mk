# What verifies Persona, beside the unit tests: foreign programs, and the tools that build them.
# Included by the Makefile, which builds build/bin/persona.

PYTHON ?= python3
PERSONA = build/bin/persona

.PHONY: deps tools samples go-programs go-std go-std-short faults demo bench test check-log

## Install the missing Debian packages.
deps:
	sh Tests/deps.sh

## Put Go, Zig and lefthook under build/tools.
tools: deps
	sh Tests/tools.sh

## Build the C samples for FreeBSD and compare output, status and log.
samples: $(PERSONA)
	sh Tests/samples.sh

## Compare Go programs and lefthook under Persona with the same natively.
go-programs: $(PERSONA) tools
	$(PYTHON) Tests/programs.py

## Go's own tests: all of them (an hour), and the part that `make test` runs.
go-std: $(PERSONA) tools
	$(PYTHON) Tests/gostd.py

go-std-short: $(PERSONA) tools
	$(PYTHON) Tests/gostd.py --subset

## What happens when things go wrong: killed supervisors, killed guests, broken programs.
faults: $(PERSONA) tools
	sh Tests/faults.sh

demo: $(PERSONA) tools
	sh Tests/demo.sh

bench: $(PERSONA)
	$(PYTHON) bench/run.py

test: deps
	sh Tests/all.sh
