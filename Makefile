# 'make demo' shows it, 'make test' tests it, 'make install' installs it. Each installs the missing Debian packages that
# it needs; without root it prints their names instead.

PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR   = $(DESTDIR)$(PREFIX)/bin
SHAREDIR = $(DESTDIR)$(PREFIX)/share
UNITDIR  = $(DESTDIR)/lib/systemd/system
USERDIR  = $(DESTDIR)/usr/lib/sysusers.d
SYSCONF  = $(DESTDIR)/etc
MIBDIR   = $(DESTDIR)/usr/share/snmp/mibs
BASHDIR  = $(SHAREDIR)/bash-completion/completions
ZSHDIR   = $(SHAREDIR)/zsh/site-functions
FISHDIR  = $(SHAREDIR)/fish/vendor_completions.d
# The folders for monitoring programs, and the drop-ins.
CONSUMERS = $(filter-out config/sysusers.d/,$(wildcard config/*/))
MODULES  = mibs/LINUX-NETSTAT-MIB.txt mibs/capabilities/LINUX-NETSTAT-CAPS-MIB.txt
CARGO   ?= cargo
BINARY   = target/release/netstat-agentx
# The programs that the tests with other programs need, COMMAND:PACKAGE.
NAGIOS = nagios4:nagios4-core icinga2:icinga2-bin /usr/lib/nagios/plugins/check_snmp:monitoring-plugins-standard
PROMETHEUS = prometheus:prometheus promtool:prometheus prometheus-snmp-generator:prometheus-snmp-exporter
ZABBIX = zabbix_server:zabbix-server-pgsql php:php-cli pg_ctlcluster:postgresql

.PHONY: all build bench soak demo test test-consumers test-package test-trixie msrv deny mibs generate \
    generate-check snmp-exporter-modules deb install uninstall clean

all: build

build:
	$(CARGO) build --release --locked

bench:
	@tools/need snmpd:snmpd snmpwalk:snmp ip:iproute2 ss:iproute2 unshare:util-linux kill:procps strace:strace \
		/usr/bin/python3:python3 \
		zabbix_agent2:zabbix-agent2 zabbix_sender:zabbix-sender prometheus-node-exporter:prometheus-node-exporter
	@/usr/bin/python3 -c 'import psutil' 2>/dev/null || tools/need psutil:python3-psutil
	$(CARGO) bench --locked --bench bench

# The tests that are too long for 'make test': snmpd restarted a hundred times, both sides stopped for minutes, and TIME
# of everything that a busy host does to us, with figures at the end.
TIME ?= 1h
soak:
	@tools/need snmpd:snmpd snmpwalk:snmp ip:iproute2 ss:iproute2 unshare:util-linux kill:procps
	$(CARGO) test --locked --test agent restarts:: -- --ignored --nocapture
	$(CARGO) bench --locked --bench soak -- $(TIME)

demo:
	@tools/need snmpd:snmpd snmpwalk:snmp snmptranslate:snmp
	@$(MAKE) --no-print-directory mibs build
	@tools/demo

# Format, lints, documentation, unit tests, and the tests against a real snmpd in network namespaces.
SCRIPTS = $(shell grep -lrE '^\#!(/bin/sh|/usr/bin/env bash)' tools tests .ci debian)
test:
	tools/need snmpd:snmpd snmpwalk:snmp snmptrapd:snmptrapd smilint:smitools ip:iproute2 ss:iproute2 \
	    unshare:util-linux setpriv:util-linux prlimit:util-linux mount:mount perl:perl-base mandoc:mandoc \
	    faketime:faketime kill:procps shellcheck:shellcheck
	$(MAKE) --no-print-directory mibs
	shellcheck --severity=warning --external-sources $(SCRIPTS)
	$(CARGO) fmt --all --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --quiet --locked --no-deps --document-private-items --lib
	$(CARGO) test --locked --workspace

# The long end-to-end tests with the programs that poll us or read our module.
test-consumers:
	tools/need python3:python3 pip3:python3-pip snmpd:snmpd snmpget:snmp ip:iproute2 ss:iproute2 unshare:util-linux \
	    perl:perl-base mrtg:mrtg munin-run:munin-node snmpkey:libnet-snmp-perl setpriv:util-linux \
	    kill:procps tshark:tshark $(PROMETHEUS) $(NAGIOS) $(ZABBIX)
	test -e /usr/share/zabbix/index.php || tools/need zabbix:zabbix-frontend-php
	php -m | grep -q pgsql || tools/need pgsql:php-pgsql
	$(MAKE) --no-print-directory snmp-exporter
	test -x target/pysmi/bin/mibdump || pip3 install --quiet --target target/pysmi pysmi
	$(CARGO) xtask generate --check --snmp-exporter
	$(CARGO) test --locked --test consumers -- --ignored
	$(MAKE) --no-print-directory test-package

# Every combination of floods through a real snmpd, including alarms, with an optimised build: some minutes.
.PHONY: test-floods
test-floods:
	tools/need snmpd:snmpd snmpget:snmp ip:iproute2 unshare:util-linux
	$(CARGO) test --locked --release --test agent flood:: -- --include-ignored --nocapture --test-threads=1

# The Debian package, on a fresh Debian 12 with its own systemd.
test-package:
	tools/need lintian:lintian mmdebstrap:mmdebstrap systemd-nspawn:systemd-container
	$(MAKE) --no-print-directory mibs deb
	tests/package.sh

# The tests of 'make test' again, with the same binaries, on Debian 13 with its snmpd.
test-trixie:
	tools/need mmdebstrap:mmdebstrap unshare:util-linux
	$(MAKE) --no-print-directory mibs
	tests/trixie.sh test

# Builds the program with Debian 13's compiler, the oldest that must be able to build it.
msrv:
	tools/need mmdebstrap:mmdebstrap unshare:util-linux
	tests/trixie.sh build

# Checks the licences, bans and sources of all our crates.
deny:
	test -x target/tools/bin/cargo-deny || $(CARGO) install --quiet --locked --root target/tools cargo-deny
	target/tools/bin/cargo-deny --all-features --workspace check licenses bans sources

# Each fuzz target for 20 minutes and at least 10 million runs: hours. There is no unsafe code, so no sanitizer is
# needed and the stable toolchain suffices; overflows are found all the same.
.PHONY: fuzz fuzz-short
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
fuzz:
	tools/need c++:g++
	test -x target/tools/bin/cargo-fuzz || $(CARGO) install cargo-fuzz --locked --root target/tools
	PATH="$(CURDIR)/target/tools/bin:$$PATH" $(CARGO) fuzz build -s none --target-dir target/fuzz
	nice tools/fuzz target/fuzz/$(HOST)/release 1200 10000000

# All targets from the corpus for a few seconds each. Built without cargo-fuzz, whose own build takes longer than the
# runs: the flags make a program report its coverage to the fuzzing engine.
COVERAGE = --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares
fuzz-short:
	tools/need c++:g++
	RUSTFLAGS="$(COVERAGE)" $(CARGO) build --quiet --manifest-path fuzz/Cargo.toml --target $(HOST) \
	    --target-dir target/fuzz-short
	tools/fuzz target/fuzz-short/$(HOST)/debug 5 1

# The standard modules that ours imports, for tools that print names.
mibs:
	@tools/base-mibs target/mibs

# Every file that follows from the source: the MIB modules from the declarations, docs/counters from the registry, the
# man pages and the shell completions from the command line and the example configuration, config/CONSUMER from all of
# them. Prints what it changed. 'make test' fails if a file is out of date; 'make generate-check' checks only that.
generate:
	$(CARGO) xtask generate

generate-check:
	$(CARGO) xtask generate --check

# The same, and config/prometheus/snmp*.yml, which snmp_exporter's own generators write.
snmp-exporter-modules: snmp-exporter
	$(CARGO) xtask generate --snmp-exporter

.PHONY: snmp-exporter
snmp-exporter:
	tools/need $(PROMETHEUS)
	@$(MAKE) --no-print-directory mibs
	tools/newer-snmp-exporter target/snmp-exporter

# Installs the unit and its drop-ins, for programs in folder $(1), into folders $(2) and $(3).
define units
mkdir -p $(2) $(3)
sed 's|@BINDIR@|$(1)|' config/netstat-agentx.service > $(2)/netstat-agentx.service
for drop_in in config/systemd/*; do sed 's|@BINDIR@|$(1)|' $$drop_in > $(3)/$${drop_in##*/} || exit 1; done
endef

# The Debian package, in target/debian.
deb:
	tools/need dpkg-shlibdeps:dpkg-dev strip:binutils
	test -x target/tools/bin/cargo-deb || $(CARGO) install --quiet --locked --root target/tools cargo-deb@3.8.0
	$(call units,/usr/bin,target/deb,target/deb/systemd)
	PATH="$$PWD/target/tools/bin:$$PATH" $(CARGO) deb --locked --strip

# Does not build, so that root needs no toolchain: run 'make' first.
install:
	@test -x $(BINARY) || { echo "run 'make' first" >&2; exit 1; }
	install -D -m 755 $(BINARY) $(BINDIR)/netstat-agentx
	install -D -m 644 -t $(MIBDIR) $(MODULES)
	install -D -m 644 -t $(SHAREDIR)/man/man5 docs/man/netstat-agentx.toml.5
	install -D -m 644 -t $(SHAREDIR)/man/man8 docs/man/netstat-agentx.8
	install -D -m 644 completions/netstat-agentx.bash $(BASHDIR)/netstat-agentx
	install -D -m 644 -t $(ZSHDIR) completions/_netstat-agentx
	install -D -m 644 -t $(FISHDIR) completions/netstat-agentx.fish
	install -D -m 644 config/netstat-agentx.toml $(SHAREDIR)/doc/netstat-agentx/netstat-agentx.toml
	test -e $(SYSCONF)/netstat-agentx.toml || install -D -m 644 config/netstat-agentx.toml $(SYSCONF)/netstat-agentx.toml
	mkdir -p $(SHAREDIR)/netstat-agentx
	cp -r $(CONSUMERS) $(SHAREDIR)/netstat-agentx
	$(call units,$(PREFIX)/bin,$(UNITDIR),$(SHAREDIR)/netstat-agentx/systemd)
	chmod -R u=rwX,go=rX $(SHAREDIR)/netstat-agentx
	chmod 644 $(UNITDIR)/netstat-agentx.service
	install -D -m 644 -t $(USERDIR) config/sysusers.d/netstat-agentx.conf
	test -n "$(DESTDIR)" || ! command -v systemd-sysusers >/dev/null || systemd-sysusers netstat-agentx.conf

# Keeps an edited configuration, and the user.
uninstall:
	rm -f $(BINDIR)/netstat-agentx $(UNITDIR)/netstat-agentx.service
	rm -f $(addprefix $(MIBDIR)/,$(notdir $(MODULES)))
	rm -f $(USERDIR)/netstat-agentx.conf
	rm -f $(SHAREDIR)/man/man5/netstat-agentx.toml.5 $(SHAREDIR)/man/man8/netstat-agentx.8
	rm -f $(BASHDIR)/netstat-agentx $(ZSHDIR)/_netstat-agentx $(FISHDIR)/netstat-agentx.fish
	rm -rf $(SHAREDIR)/doc/netstat-agentx $(SHAREDIR)/netstat-agentx
	! cmp -s config/netstat-agentx.toml $(SYSCONF)/netstat-agentx.toml || rm -f $(SYSCONF)/netstat-agentx.toml

clean:
	$(CARGO) clean
