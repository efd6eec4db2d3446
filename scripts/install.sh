#!/bin/sh
# Installs what was built, or removes just that. usage: install.sh install|uninstall [FOLDER of the build]
# Variables: DESTDIR, PREFIX (/usr/local), BINDIR, DATADIR, MANDIR, DOCDIR, BASHDIR, ZSHDIR, FISHDIR, STRIP (yes).
# No network. Nothing for systemd: units are made for a company, by `hq service install`.
set -eu
cd "$(dirname "$0")/.."
act=${1:?install or uninstall}
build=${2:-build}
PREFIX=${PREFIX:-/usr/local}
BINDIR=${BINDIR:-$PREFIX/bin}
DATADIR=${DATADIR:-$PREFIX/share}
MANDIR=${MANDIR:-$DATADIR/man}
DOCDIR=${DOCDIR:-$DATADIR/doc/hq}
BASHDIR=${BASHDIR:-$DATADIR/bash-completion/completions}
ZSHDIR=${ZSHDIR:-$DATADIR/zsh/site-functions}
FISHDIR=${FISHDIR:-$DATADIR/fish/vendor_completions.d}
[ "$act" = install ] || [ "$act" = uninstall ] || { echo "install.sh install or uninstall, not $act" >&2; exit 2; }
[ -x "$build/hq" ] || { echo "$build/hq is not built: make" >&2; exit 2; }

# Manual pages carry a date: that of what is installed, so that two installations are the same bytes.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)
fi
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

put() { # mode, source, where it goes
    if [ "$act" = uninstall ]; then
        rm -f "${DESTDIR:-}$3"
        rmdir -p --ignore-fail-on-non-empty "$(dirname "${DESTDIR:-}$3")" 2>/dev/null || true
        return
    fi
    install -D -m "$1" "$2" "${DESTDIR:-}$3"
}

cp "$build/hq" "$work/hq"
[ "${STRIP:-yes}" = no ] || strip "$work/hq"
put 755 "$work/hq" "$BINDIR/hq"

for page in $("$build/hq" help --man); do
    "$build/hq" help --man "$page" | gzip -9n >"$work/page.gz"
    put 644 "$work/page.gz" "$MANDIR/man${page##*.}/$page.gz"
done

for shell in bash zsh fish; do "$build/hq" completion "$shell" >"$work/$shell"; done
put 644 "$work/bash" "$BASHDIR/hq"
put 644 "$work/zsh" "$ZSHDIR/_hq"
put 644 "$work/fish" "$FISHDIR/hq.fish"

# Never what a company that was tried out in examples/ left there, such as its secrets.
documents() {
    git ls-files docs examples contrib 2>/dev/null ||
        find docs examples contrib -type f ! -path '*/state/*' ! -path '*/secrets/*' ! -path '*/instances/*' 2>/dev/null
}
for file in README.md CHANGELOG.md SECURITY.md LICENSE $(documents | LC_ALL=C sort); do
    mode=644
    [ -x "$file" ] && mode=755
    [ -e "$file" ] && put "$mode" "$file" "$DOCDIR/$file"
done

[ "$act" = uninstall ] && echo "removed from ${DESTDIR:-}$PREFIX; companies, their ledgers and units stay" && exit
size=$(stat -c %s "$work/hq")
echo "installed ${DESTDIR:-}$BINDIR/hq ($((size / 1024)) KiB), manual pages, completions, $DOCDIR"
[ -n "${DESTDIR:-}" ] || echo "try it: hq demo"
