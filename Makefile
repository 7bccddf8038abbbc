# The door to everything; CMake does the work.  `./run TARGET` installs what is missing first.
PREFIX ?= /usr/local
DESTDIR ?=
WAREHOUSE ?= sqlite
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
BUILD := build/release
# A tree keeps the generator that it was first made with.
GENERATOR := $(if $(shell command -v ninja),-G Ninja)
configure = $(if $(wildcard build/$(1)/CMakeCache.txt),,$(GENERATOR))

# ./run without a target prints these.
.PHONY: all programs demo test test-asan test-tsan test-valgrind e2e packages image install clean bench bench-full bench-guard bench-peers bench-governor fuzz soak faults
.DEFAULT_GOAL := all

all:
	@mkdir -p build
	@cmake --preset release $(call configure,release) >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
	@cmake --build $(BUILD) -j $(JOBS)

# What a demo runs, and no test.
programs:
	@mkdir -p build
	@cmake --preset release $(call configure,release) >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
	@cmake --build $(BUILD) -j $(JOBS) --target bfctl bfcoordinator bfagent bf-sql bf-http

demo: programs
	@WAREHOUSE='$(WAREHOUSE)' BUILD=$(BUILD) examples/retail/demo.sh

test: all
	@tests/support/run_tests $(BUILD)

test-asan:
	@mkdir -p build
	@cmake --preset asan $(call configure,asan) >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
	@cmake --build build/asan -j $(JOBS)
	@tests/support/run_asan build/asan

# Real processes under the thread sanitizer; and all but agents and what they start under valgrind.  Long.
test-tsan:
	@mkdir -p build
	@cmake --preset tsan $(call configure,tsan) >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
	@cmake --build build/tsan -j $(JOBS)
	@tests/support/run_tsan build/tsan

test-valgrind:
	@mkdir -p build
	@cmake --preset dev $(call configure,dev) >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
	@cmake --build build/dev -j $(JOBS)
	@tests/support/run_valgrind build/dev

# Whole installations, in containers: minutes, and as root.  The programs are those of the packages.
e2e: all image
	@ctest --test-dir $(BUILD) -C e2e -L e2e --output-on-failure

# Debian packages, in build/packages.
packages:
	@mkdir -p build
	@cmake --preset packages $(call configure,packages) >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
	@cmake --build build/packages -j $(JOBS)
	@rm -f build/packages/*.deb
	@cd build/packages && cpack >packages.log 2>&1 || { cat packages.log >&2; exit 1; }
	@ls build/packages/*.deb

# One container image with all programs: localhost/backfill-fabric.
image: packages
	@deploy/container/build $(CURDIR)/build/packages

# The prefix is compiled into nothing, so an earlier build serves any prefix.
install: all
	DESTDIR='$(DESTDIR)' cmake --install $(BUILD) --prefix '$(PREFIX)'

# Each target for FUZZ_SECONDS.
FUZZ_SECONDS ?= 60
fuzz:
	@mkdir -p build
	@cmake --preset fuzz $(call configure,fuzz) >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
	@cmake --build build/fuzz -j $(JOBS)
	@tests/support/run_fuzz build/fuzz $(FUZZ_SECONDS)

# The simulator on all cores until there were SOAK_EVENTS events: some 35 minutes on two quiet cores, over an hour on busy ones.  What was
# reached is printed, and everything must have been 100 times, so with far fewer events it fails.
SOAK_EVENTS ?= 1000000000
SOAK_SEED ?= 1
soak:
	@mkdir -p build
	@cmake --preset release $(call configure,release) >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
	@cmake --build $(BUILD) -j $(JOBS) --target bfsim
	@$(BUILD)/bin/bfsim --seed $(SOAK_SEED) --events $(SOAK_EVENTS) --jobs $(JOBS) --coverage --at-least 100 --progress

# The fault table in its long form, the kills, the cuts and the margin of the fence: about an hour on a quiet machine, as root.
KILLS ?= 500
TRIALS ?= 1000
faults: all
	@tests/support/run_faults $(BUILD) $(KILLS) $(TRIALS)

# What a backfill costs the users of a PostgreSQL, by concurrency: an hour (bench/governor.py --help).
bench-governor: all
	@python3 -B bench/governor.py $(BUILD) $(BENCH_OPTIONS)

# The table of docs/performance.md: about ten minutes on two quiet cores, as root; the long form takes hours.  BENCH_OPTIONS='--quick' proves
# that everything runs.
bench: all
	@BF_BUILD=$(BUILD) python3 -B bench/bench.py $(BENCH_OPTIONS)

bench-full: all
	@BF_BUILD=$(BUILD) python3 -B bench/bench.py --full $(BENCH_OPTIONS)

# Instructions of three fixed scenarios against bench/guard.json (bench/guard.py --help).
bench-guard: all
	@python3 -B bench/guard.py $(BUILD) $(BENCH_OPTIONS)

# The same work on what Debian has, in turn; installs what is missing of it.  A quarter of an hour; with --full an hour or more.
bench-peers: all
	@BF_BUILD=$(BUILD) python3 -B bench/peers.py --install $(BENCH_OPTIONS)

clean:
	rm -rf build
