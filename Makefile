# make            build/bin/persona with its engine and tables, ready to run in place
# make demo       set the machine up, build, run FreeBSD programs under Persona
# make test       set the machine up, build, run every test
# make bench      starts and single calls against native Linux; bench-large adds large Go programs and peers
# make bench-instructions  the engine's instructions in single calls, against their budget
# make fuzz       200,000 mutated program headers through the reader and the planner
# make install    PREFIX=/usr/local

PREFIX ?= /usr/local
DESTDIR ?=
BUILD := build
SWIFT ?= swift
TOOLCHAIN := $(patsubst %/,%,$(dir $(shell readlink -f "$$(command -v swiftc)")))
CLANG ?= $(TOOLCHAIN)/clang
LLD ?= $(TOOLCHAIN)/ld.lld
MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)

ENGINE := $(BUILD)/lib/persona/engine
TABLES := $(BUILD)/share/persona/personalities
PERSONA := $(BUILD)/bin/persona

.DEFAULT_GOAL := all
.PHONY: all engine tables persona interpreter install clean fuzz

all: engine tables persona interpreter compiled

# MARK: The engine: freestanding Embedded Swift at a fixed high address

ENGINE_SWIFT := $(shell find Sources/Wire Sources/Translation Sources/Engine -name '*.swift')
ENGINE_C := Sources/CEngine/entry.S Sources/CEngine/runtime.c
ENGINE_HEADERS := $(wildcard Sources/CEngine/*.h Sources/CEngine/include/* Sources/CWire/include/*)
UAPI := -isystem /usr/include/$(MULTIARCH) -isystem /usr/include
ENGINE_CFLAGS := --target=x86_64-unknown-none-elf -O2 -ffreestanding -fno-stack-protector -fPIC -fvisibility=hidden \
  -mno-red-zone -mgeneral-regs-only -Wall -Wextra -Werror -ffunction-sections -fdata-sections \
  -ISources/CEngine -ISources/CEngine/include -ISources/CWire/include $(UAPI)
OBJECTS := $(BUILD)/engine
engine: $(ENGINE)

$(OBJECTS)/engine.o: $(ENGINE_SWIFT) $(ENGINE_HEADERS) Sources/Engine/modules/module.modulemap
	@mkdir -p $(@D)
	swiftc -target x86_64-unknown-none-elf -enable-experimental-feature Embedded -wmo -O -parse-as-library \
	  -swift-version 6 -strict-concurrency=minimal -enforce-exclusivity=unchecked \
	  -module-name Engine -Xfrontend -function-sections -Xfrontend -disable-stack-protector \
	  -Xcc -ffreestanding -Xcc -mno-red-zone -Xcc -mno-sse -Xcc -mno-mmx $(foreach d,$(UAPI),-Xcc $(d)) \
	  -I Sources/CWire/include -I Sources/CEngine/include -I Sources/Engine/modules \
	  -c $(ENGINE_SWIFT) -o $@

$(OBJECTS)/entry.o: Sources/CEngine/entry.S $(ENGINE_HEADERS)
	@mkdir -p $(@D)
	$(CLANG) $(ENGINE_CFLAGS) -c $< -o $@

$(OBJECTS)/runtime.o: Sources/CEngine/runtime.c $(ENGINE_HEADERS)
	@mkdir -p $(@D)
	$(CLANG) $(ENGINE_CFLAGS) -c $< -o $@

$(ENGINE): $(OBJECTS)/engine.o $(OBJECTS)/entry.o $(OBJECTS)/runtime.o Sources/CEngine/engine.ld Sources/CEngine/hot.order
	@mkdir -p $(@D)
	$(LLD) -static -no-pie --gc-sections -T Sources/CEngine/engine.ld \
	  --symbol-ordering-file=Sources/CEngine/hot.order --no-warn-symbol-ordering -e _start -o $@ $(filter %.o,$^)

# MARK: Tables

tables: $(TABLES)/.stamp

$(TABLES)/.stamp: $(shell find personalities -type f)
	@rm -rf $(TABLES) && mkdir -p $(TABLES)
	cp -R personalities/. $(TABLES)/
	@touch $@

# MARK: The supervisor: a static executable

persona:
	$(SWIFT) build -c release --product persona --static-swift-stdlib -Xswiftc -static-executable \
	  -Xlinker -s -Xlinker --build-id=sha1 -Xlinker --wrap=swift_copyAuxiliaryExecutablePath
	@mkdir -p $(BUILD)/bin
	@cmp -s .build/release/persona $(PERSONA) || (cp .build/release/persona $(PERSONA).new && mv $(PERSONA).new $(PERSONA))

# What binfmt_misc starts: Persona under a name that tells it so.
interpreter:
	@mkdir -p $(BUILD)/lib/persona
	@ln -sfn ../../bin/persona $(BUILD)/lib/persona/persona-binfmt

# The compiled tables, so that a start need not compile; they hold as long as the tables are the same, and are not even
# compared as long as the tables' times are (`cp -p` keeps them).
.PHONY: compiled
compiled: persona tables
	@$(PERSONA) check --compile >/dev/null || $(PERSONA) check

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/persona $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(PERSONA) $(DESTDIR)$(PREFIX)/bin/persona
	install -m 755 $(ENGINE) $(DESTDIR)$(PREFIX)/lib/persona/engine
	ln -sfn ../../bin/persona $(DESTDIR)$(PREFIX)/lib/persona/persona-binfmt
	install -d $(DESTDIR)$(PREFIX)/share/persona
	cp -Rp $(TABLES) $(DESTDIR)$(PREFIX)/share/persona/
	install -m 644 docs/persona.1 $(DESTDIR)$(PREFIX)/share/man/man1/persona.1

# 200,000 mutated headers through the reader and the planner; PERSONA_FUZZ_SEED varies them.
fuzz:
	PERSONA_FUZZ_COUNT=$${PERSONA_FUZZ_COUNT:-200000} $(SWIFT) test --filter FuzzTests

clean:
	rm -rf $(BUILD) .build

# MARK: What verifies Persona: foreign programs, and the tools that build them

PYTHON ?= python3

.PHONY: deps tools samples go-programs go-std go-std-short faults injected-faults crowd test-root test-root-terminals demo bench bench-large bench-instructions test ready

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

# Linux's calls fail at random under foreign programs, many times; with a base tree under its tar and make, too.
injected-faults: ready
	$(PYTHON) Tests/injecting.py --times 1000
	$(if $(ROOT),$(PYTHON) Tests/injecting.py --root "$(ROOT)" --times 200)

# What 500 runs at once take of private memory.
crowd: samples
	$(PYTHON) Tests/crowd.py

# The programs of a FreeBSD base tree: make test-root ROOT=/srv/freebsd [PROGRAMS='tar sort'].
test-root: ready
	@test -d "$(ROOT)" || { echo "name the tree: make test-root ROOT=/srv/freebsd" >&2; exit 2; }
	$(PYTHON) Tests/root.py "$(ROOT)" $(PROGRAMS)

# The interactive programs of a FreeBSD base tree in tmux: make test-root-terminals ROOT=/srv/freebsd
test-root-terminals: ready
	$(PYTHON) Tests/root-terminals.py "$(ROOT)"

demo: ready tools
	@sh Tests/demo.sh

# BENCH='--only fstat', '--large', '--peers', '--shells LINUX FOREIGN': see bench/run.py --help. ROOT=<base tree> executes a dynamic
# program of it, too.
bench: ready
	$(PYTHON) bench/run.py $(if $(ROOT),--root $(ROOT)) $(BENCH)

bench-large: ready tools
	$(PYTHON) bench/run.py --large --peers

# Fails when a call takes more of the engine's instructions than its budget.
bench-instructions: ready
	sh Tests/stepping.sh count

test: deps
	@sh Tests/all.sh
