# What verifies Persona, beside the unit tests: foreign programs, and the tools that build them.
# Included by the Makefile, whose `all` builds build/bin/persona.

PYTHON ?= python3

.PHONY: deps tools samples go-programs go-std go-std-short faults demo bench test ready

# The missing Debian packages.
deps:
	@sh Tests/deps.sh

# Go, Zig and lefthook, under build/tools.
tools: deps
	@sh Tests/tools.sh

# Packages first, then the build.
ready: deps
	@$(MAKE) --no-print-directory all

# The C samples, built for FreeBSD: output, status and log against what is expected.
samples: ready
	sh Tests/samples.sh

# Go programs and lefthook under Persona against the same natively.
go-programs: ready tools
	$(PYTHON) Tests/programs.py

# Go's own tests: all of them (about an hour), and the part that `make test` runs.
go-std: ready tools
	$(PYTHON) Tests/gostd.py

go-std-short: ready tools
	$(PYTHON) Tests/gostd.py --subset

# Killed supervisors, killed guests, broken programs and tables.
faults: ready tools
	sh Tests/faults.sh

demo: ready tools
	@sh Tests/demo.sh

bench: ready
	$(PYTHON) bench/run.py

test: deps
	@sh Tests/all.sh
