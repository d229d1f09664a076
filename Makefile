# Everything a newcomer or a CI needs, by name. Each target installs what it lacks (Debian and Ubuntu: by apt-get;
# elsewhere scripts/install-packages names the packages and stops).

SHELL := /bin/sh
CONFIGURATION_FLAGS := -c release --static-swift-stdlib
SLUICE := .build/release/sluice

.PHONY: sanitize-address sanitize-thread help run build built image test microbench soak faults bench fuzz sanitize man completions install uninstall lint format clean

help:
	@echo "make run      build Sluice and start it with a Redis of its own: nothing to edit first"
	@echo "make build    build the release binary, .build/release/sluice"
	@echo "make test     run all tests; CONFIGURATION=release: of an optimised build; ARGS: for swift test"
	@echo "make microbench   count the instructions of each hot path (make test does it too)"
	@echo "make soak     faults at random for SOAK_SECONDS (600), as long again with Sentinel, HISTORIES (12000) of the model; SEED=n brings a campaign back"
	@echo "make faults   what each fault costs, as the README's table has it"
	@echo "make bench    measure Sluice beside a yardstick (some minutes; the machine should do nothing else)"
	@echo "make fuzz     feed each parser for FUZZ_SECONDS (60) with what libFuzzer thinks of"
	@echo "make sanitize all tests under AddressSanitizer, then under ThreadSanitizer"
	@echo "make image    build the container image, sluice (needs Docker)"
	@echo "make install  what make build made, with man page, completions and systemd unit, under PREFIX (/usr/local)"
	@echo "make lint     check the format of the sources"
	@echo "make format   format the sources"
	@echo "make clean    remove what was built"

run: build
	@exec .build/release/sluice dev $(ARGS)

build:
	@scripts/install-packages libssl-dev libhiredis-dev zlib1g-dev redis-server pkg-config
	swift build $(CONFIGURATION_FLAGS) --product sluice

# CONFIGURATION=release tests what users run. Its tests look into modules too, which a release build must be told to allow.
# ARGS go to `swift test`.
CONFIGURATION ?= debug
TEST_FLAGS := -c $(CONFIGURATION) $(if $(filter release,$(CONFIGURATION)),-Xswiftc -enable-testing)

# Any Chromium or Chrome will do; where none is, Debian's is installed. Ubuntu's is a snap: put a Chrome on the PATH there.
BROWSER := $(if $(shell command -v chromium || command -v google-chrome || command -v chromium-browser),,chromium)

test:
	@scripts/install-packages libssl-dev libhiredis-dev zlib1g-dev redis-server pkg-config openssl curl $(BROWSER)
	swift build $(TEST_FLAGS) --build-tests --explicit-target-dependency-import-check error
	@scripts/test $(TEST_FLAGS) --skip-build $(ARGS)
	@$(MAKE) --no-print-directory microbench

microbench:
	@scripts/install-packages libssl-dev libhiredis-dev zlib1g-dev pkg-config valgrind
	swift build $(CONFIGURATION_FLAGS) --product sluice-microbench
	@scripts/microbench $(ARGS)

SOAK_SECONDS ?= 600
HISTORIES ?= 12000
soak:
	@scripts/install-packages libssl-dev libhiredis-dev zlib1g-dev redis-server pkg-config
	swift build --build-tests
	SOAK_SECONDS=$(SOAK_SECONDS) SEED=$(SEED) swift test --skip-build --filter 'RealFaults.Campaign'
	SLUICE_HISTORIES=$(HISTORIES) swift test --skip-build --filter SeamCampaignTests

faults:
	@scripts/install-packages libssl-dev libhiredis-dev zlib1g-dev redis-server pkg-config
	swift build --build-tests
	@echo '| fault | lost | given twice | `/ready` was not 200 | connections cut | longest wait for an event |'
	@echo '|---|---|---|---|---|---|'
	@swift test --skip-build --filter 'RealFaults.OneByOne' | grep -E '^\||✘|^↳ client'

# ARGS names scenarios; docs/benchmark.md says what else can be chosen.
bench:
	@scripts/install-packages libssl-dev libhiredis-dev zlib1g-dev redis-server pkg-config
	swift build $(CONFIGURATION_FLAGS) --product sluice
	swift build $(CONFIGURATION_FLAGS) --product sluice-bench
	$(MAKE) -C Benchmarks/yardstick
	@scripts/bench $(ARGS)

# ARGS names targets.
fuzz:
	@scripts/install-packages libssl-dev libhiredis-dev zlib1g-dev pkg-config
	SLUICE_FUZZ=1 swift build -c release --product sluice-fuzz --scratch-path .build/fuzz \
		--sanitize address -Xswiftc -sanitize=fuzzer -Xswiftc -Xclang-linker -Xswiftc -fuse-ld=lld
	@scripts/fuzz $(ARGS)

image:
	docker build -f docker/Dockerfile -t sluice .

# What follows takes the program that make build made, so that none of it needs Swift: sudo make install finds no other.

PREFIX ?= /usr/local
# systemd reads this one for /usr/local too; a package says /lib/systemd/system.
UNITDIR ?= $(PREFIX)/lib/systemd/system
BASH_COMPLETIONS = $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS = $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS = $(PREFIX)/share/fish/vendor_completions.d

built:
	@test -x $(SLUICE) || { echo "There is no $(SLUICE); run make build first." >&2; exit 1; }

man: built
	@mkdir -p .build/share
	scripts/manual $(SLUICE) > .build/share/sluice.1

completions: built
	@mkdir -p .build/share
	for shell in bash zsh fish; do \
	    $(SLUICE) --generate-completion-script $$shell > .build/share/sluice.$$shell || exit 1; done

install: built man completions
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(BASH_COMPLETIONS)" \
	    "$(DESTDIR)$(ZSH_COMPLETIONS)" "$(DESTDIR)$(FISH_COMPLETIONS)" "$(DESTDIR)$(UNITDIR)"
	install -m 755 $(SLUICE) "$(DESTDIR)$(PREFIX)/bin/sluice"
	install -m 644 .build/share/sluice.1 "$(DESTDIR)$(PREFIX)/share/man/man1/sluice.1"
	install -m 644 .build/share/sluice.bash "$(DESTDIR)$(BASH_COMPLETIONS)/sluice"
	install -m 644 .build/share/sluice.zsh "$(DESTDIR)$(ZSH_COMPLETIONS)/_sluice"
	install -m 644 .build/share/sluice.fish "$(DESTDIR)$(FISH_COMPLETIONS)/sluice.fish"
	sed 's|@BINDIR@|$(PREFIX)/bin|' docker/systemd/sluice.service > .build/share/sluice.service
	install -m 644 .build/share/sluice.service "$(DESTDIR)$(UNITDIR)/sluice.service"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/sluice" "$(DESTDIR)$(PREFIX)/share/man/man1/sluice.1" \
	    "$(DESTDIR)$(BASH_COMPLETIONS)/sluice" "$(DESTDIR)$(ZSH_COMPLETIONS)/_sluice" \
	    "$(DESTDIR)$(FISH_COMPLETIONS)/sluice.fish" "$(DESTDIR)$(UNITDIR)/sluice.service"

# Both whole suites, and the programs that the tests start. A report of any of them, in whichever process, fails the target:
# they are written to .build/<sanitizer>-reports. Of ours nothing is suppressed; Tests/Sanitizers says what is of others.
# - IdleMemoryTests are left out: bytes for each idle socket, of which a sanitizer's redzones and shadow would be most. Where
#   other tests have a bound on memory, it does not count then (SLUICE_SANITIZER), and all else of them does.
# - Leaks are not looked for: LeakSanitizer does not know a reference that an enum of Swift's holds beside its tag bits, and
#   takes what a process had in use when it ended at a second SIGTERM for lost.
# ARGS go to `swift test`.
sanitize: sanitize-address sanitize-thread

sanitize-address sanitize-thread: sanitize-%:
	@scripts/install-packages libssl-dev libhiredis-dev zlib1g-dev redis-server pkg-config openssl curl $(BROWSER)
	swift build --build-tests --sanitize $* --scratch-path .build/$*
	@rm -rf .build/$*-reports && mkdir .build/$*-reports
	SLUICE_SANITIZER=$* ASAN_OPTIONS=detect_leaks=0:suppressions=$(CURDIR)/Tests/Sanitizers/address.suppressions:log_path=$(CURDIR)/.build/$*-reports/report \
		TSAN_OPTIONS=second_deadlock_stack=1:log_path=$(CURDIR)/.build/$*-reports/report \
		swift test --skip-build --sanitize $* --scratch-path .build/$* --skip IdleMemoryTests $(ARGS)
	@if [ -n "$$(ls -A .build/$*-reports)" ]; then cat .build/$*-reports/*; exit 1; fi

lint:
	swift format lint --strict --parallel --recursive Package.swift Sources Tests

format:
	swift format --in-place --parallel --recursive Package.swift Sources Tests

clean:
	rm -rf .build
