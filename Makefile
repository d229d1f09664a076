# Everything a newcomer or a CI needs, by name. Each target installs what it lacks (Debian and Ubuntu: by apt-get;
# elsewhere scripts/install-packages names the packages and stops).

SHELL := /bin/sh
CONFIGURATION_FLAGS := -c release --static-swift-stdlib

.PHONY: help run build test microbench soak faults bench fuzz sanitize lint format clean

help:
	@echo "make run      build Sluice and start it with a Redis of its own: nothing to edit first"
	@echo "make build    build the release binary, .build/release/sluice"
	@echo "make test     run all tests"
	@echo "make microbench   count the instructions of each hot path (make test does it too)"
	@echo "make soak     faults at random for SOAK_SECONDS (600); SEED=n brings a campaign back"
	@echo "make faults   what each fault costs, as the README's table has it"
	@echo "make bench    measure Sluice beside a yardstick (some minutes; the machine should do nothing else)"
	@echo "make fuzz     feed each parser for FUZZ_SECONDS (60) with what libFuzzer thinks of"
	@echo "make sanitize all tests under AddressSanitizer, then under ThreadSanitizer"
	@echo "make lint     check the format of the sources"
	@echo "make format   format the sources"
	@echo "make clean    remove what was built"

run: build
	@exec .build/release/sluice dev $(ARGS)

build:
	@scripts/install-packages libssl-dev libhiredis-dev redis-server pkg-config
	swift build $(CONFIGURATION_FLAGS) --product sluice

test:
	@scripts/install-packages libssl-dev libhiredis-dev redis-server pkg-config
	swift build --build-tests --explicit-target-dependency-import-check error
	swift test --skip-build
	@$(MAKE) --no-print-directory microbench

microbench:
	@scripts/install-packages libssl-dev libhiredis-dev redis-server pkg-config valgrind
	swift build $(CONFIGURATION_FLAGS) --product sluice-microbench
	@scripts/microbench $(ARGS)

SOAK_SECONDS ?= 600
soak:
	@scripts/install-packages libssl-dev libhiredis-dev redis-server pkg-config
	swift build --build-tests
	SOAK_SECONDS=$(SOAK_SECONDS) SEED=$(SEED) swift test --skip-build --filter 'RealFaults.Campaign'

faults:
	@scripts/install-packages libssl-dev libhiredis-dev redis-server pkg-config
	swift build --build-tests
	@echo '| fault | lost | given twice | `/ready` was not 200 | connections cut | longest wait for an event |'
	@echo '|---|---|---|---|---|---|'
	@swift test --skip-build --filter 'RealFaults.OneByOne' | grep -E '^\||✘|^↳ client'

# ARGS names scenarios; docs/benchmark.md says what else can be chosen.
bench:
	@scripts/install-packages libssl-dev libhiredis-dev redis-server pkg-config
	swift build $(CONFIGURATION_FLAGS) --product sluice
	swift build $(CONFIGURATION_FLAGS) --product sluice-bench
	$(MAKE) -C Benchmarks/yardstick
	@scripts/bench $(ARGS)

# ARGS names targets.
fuzz:
	@scripts/install-packages libssl-dev libhiredis-dev pkg-config
	SLUICE_FUZZ=1 swift build -c release --product sluice-fuzz --scratch-path .build/fuzz \
		--sanitize address -Xswiftc -sanitize=fuzzer -Xswiftc -Xclang-linker -Xswiftc -fuse-ld=lld
	@scripts/fuzz $(ARGS)

lint:
	swift format lint --strict --parallel --recursive Package.swift Sources Tests

format:
	swift format --in-place --parallel --recursive Package.swift Sources Tests

clean:
	rm -rf .build
