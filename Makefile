# Short names for what people do here; the work is in meson.build and tools/.
BUILD ?= build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
TORTURE_SECONDS ?= 60

.PHONY: build web run test torture bench fuzz lint install clean

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja:
	@tools/deps build
	@meson setup $(BUILD) --prefix=$(PREFIX) -Dtests=false >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }

# The demo page's client library.
web:
	@tools/deps build web
	@tools/npm web

run: web build
	@$(BUILD)/partyline serve --demo

# Everything: two compilers, three sanitizers, house rules, fuzz corpora, real clients. tools/test NAME... runs a part.
test:
	@tools/deps build web test
	@tools/test

# A storm of messages with kill -9 in the middle, and a checker; prints its seed. SEED=N repeats one.
torture: build
	@tools/deps build test
	@tools/npm tests/interop
	@PARTYLINE_BUILD=$(BUILD) tests/torture/run --seconds $(TORTURE_SECONDS) $(if $(SEED),--seed $(SEED))

bench: build
	@bench/run $(BUILD) --write

fuzz:
	@tools/deps build test
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/fuzz

lint:
	@tools/floors
	@tools/top-length

# A prefix that was asked for holds, whatever the build was set up with before.
install: web build
ifneq ($(origin PREFIX),file)
	@meson configure $(BUILD) --prefix=$(PREFIX) && ninja -C $(BUILD) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
endif
	@meson install -C $(BUILD) --no-rebuild --quiet
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

clean:
	@rm -rf build build-* build.log
