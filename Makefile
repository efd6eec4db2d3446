# Two commands: `make run` and `make test`. meson and ninja do the building; scripts/ holds the rest.
.POSIX:
SAN =
PREFIX = /usr/local
DESTDIR =
PARTS =
T =
ONLY =
JOBS =

all:
	@scripts/need.sh --check build
	@scripts/build.sh build

run:
	@scripts/run.sh

test:
	@SAN='$(SAN)' scripts/test.sh $(PARTS)

test-unit test-rooms test-stories test-crash test-chaos test-fuzz test-sanitized:
	@SAN='$(SAN)' scripts/test.sh $(@:test-%=%)

crash:
	@scripts/test.sh crash-all

chaos:
	@scripts/test.sh chaos-all

bench:
	@scripts/bench.sh

proof:
	@scripts/proof.sh $(PARTS)

fuzz:
	@T='$(T)' ONLY='$(ONLY)' JOBS='$(JOBS)' scripts/fuzz.sh

# As root for the default PREFIX=/usr/local; scripts/install.sh names the other variables.
install: all
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install.sh install

uninstall:
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install.sh uninstall

deb:
	@scripts/need.sh --check build
	@scripts/deb.sh

clean:
	rm -rf build build-*

.PHONY: all install uninstall deb run test test-unit test-rooms test-stories test-crash test-chaos test-fuzz test-sanitized crash chaos bench proof fuzz clean
