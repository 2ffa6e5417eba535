# vlog: see `make help`. PREFIX and DESTDIR say where `make install` puts things.

PREFIX ?= /usr/local
DESTDIR ?=
CARGO ?= cargo

MAX_KIB := 3584
ARCH := $(shell uname -m)
MUSL := $(ARCH)-unknown-linux-musl
GNU := $(ARCH)-unknown-linux-gnu
# One static file needs musl's target; where it can neither be found nor added, glibc is linked in instead.
TARGET = $(shell (rustup target list --installed 2>/dev/null | grep -qx $(MUSL) || rustup target add $(MUSL) >/dev/null 2>&1 || \
	test -d "$$(rustc --print sysroot)/lib/rustlib/$(MUSL)") && echo $(MUSL) || echo $(GNU))
BINARY = target/$(TARGET)/release/vlog

.PHONY: help build test lint install uninstall demo bench torture fuzz size completions clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the static release binary
ifeq ($(shell uname -s),Linux)
	$(if $(findstring gnu,$(TARGET)),RUSTFLAGS="-C target-feature=+crt-static") \
		$(CARGO) build --release --locked --target $(TARGET)
	@mkdir -p target/static && cp $(BINARY) target/static/vlog
else
	$(CARGO) build --release --locked
	@mkdir -p target/static && cp target/release/vlog target/static/vlog
endif

test: ## Run all tests; those against a real server need VICTORIA_LOGS_BIN or victoria-logs on PATH
	$(CARGO) test --locked

lint: ## Check format and lints
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features -- -D warnings

install: build ## Install the binary, the completions and the manual page below $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 target/static/vlog $(DESTDIR)$(PREFIX)/bin/vlog
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 completions/vlog.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vlog
	install -m 644 completions/_vlog $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vlog
	install -m 644 completions/vlog.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/vlog.fish
	install -m 644 completions/vlog.1 $(DESTDIR)$(PREFIX)/share/man/man1/vlog.1

uninstall: ## Remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/vlog
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vlog
	rm -f $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vlog
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/vlog.fish
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/vlog.1

demo: build ## A tour: log by send, pipe, hook and run, and read it back; without a server the outbox serves
	@rm -rf target/demo-outbox
	@PATH="$(CURDIR)/target/static:$$PATH" VLOG_OUTBOX="$(CURDIR)/target/demo-outbox" sh tests/demo.sh

bench: build ## Measure against a floor in the same run
	VLOG_BENCH_BIN="$(CURDIR)/target/static/vlog" $(CARGO) bench --locked --bench bench

torture: build ## Break everything at random for TORTURE_SECONDS=120; TORTURE_SEED repeats a run's choices
	VLOG_TORTURE_BIN="$(CURDIR)/target/static/vlog" $(CARGO) bench --locked --bench torture

FUZZ_SECONDS ?= 600
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table

fuzz: ## Fuzz pipe, LogsQL and its answers, FUZZ_SECONDS=600 each; needs a C++ compiler
	cd tests/fuzz && RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) build --release --locked --target $(GNU) --target-dir ../../target/fuzz
	@mkdir -p target/fuzz/corpus && cp tests/cli/samples/*.txt target/fuzz/corpus/
	target/fuzz/$(GNU)/release/pipe target/fuzz/corpus -max_total_time=$(FUZZ_SECONDS) -max_len=4096 \
		-dict=tests/fuzz/dictionary.txt -artifact_prefix=target/fuzz/
	@mkdir -p target/fuzz/queries
	target/fuzz/$(GNU)/release/logsql target/fuzz/queries -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=5 \
		-dict=tests/fuzz/queries.txt -artifact_prefix=target/fuzz/
	@mkdir -p target/fuzz/rows
	target/fuzz/$(GNU)/release/rows target/fuzz/rows -max_total_time=$(FUZZ_SECONDS) -max_len=1024 -timeout=5 \
		-dict=tests/fuzz/queries.txt -artifact_prefix=target/fuzz/

size: build ## Print the size; fail if the binary is too large or not static
	@kib=$$(( ($$(wc -c < target/static/vlog) + 1023) / 1024 )); echo "vlog: $$kib KiB of at most $(MAX_KIB)"; \
		test $$kib -le $(MAX_KIB)
ifeq ($(shell uname -s),Linux)
	@if readelf -lW target/static/vlog | grep -q INTERP; then echo "vlog: not static"; exit 1; fi
	@readelf -hW target/static/vlog | grep -q 'Type:.*DYN' || { echo "vlog: not position-independent"; exit 1; }
	@if grep -q VLOG_TEST_PANIC target/static/vlog; then echo "vlog: has the tests' panic in it"; exit 1; fi
	@echo "vlog: static and position-independent"
endif

completions: ## Write the completion scripts and the manual page anew
	BLESS=1 $(CARGO) test --locked --test cli up_to_date

clean: ## Remove everything that was built
	$(CARGO) clean
