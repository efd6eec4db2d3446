#!/bin/sh
# Runs what proves the promises, and writes docs/proof.md from it. usage: proof.sh [part…]
# Parts: crash chaos soak bench many fuzz. None named: all, one after the other, about four hours.
# Results stay in build/proof/, so that a part can be repeated without the others.
set -u
cd "$(dirname "$0")/.."
scripts/need.sh test || exit 2
PATH="$(scripts/node.sh):$PATH" || exit 2
export PATH
scripts/build.sh build >/dev/null || exit 1
out=build/proof
mkdir -p "$out"

part() { # name, command …
    name=$1
    shift
    echo "== $name: $*"
    load=$(cut -d' ' -f1-3 /proc/loadavg) began=$(date +%s)
    "$@" >"$out/$name.log" 2>&1
    code=$?
    dirty=''
    [ -n "$(git status --porcelain -- src 2>/dev/null)" ] && dirty=' with changes'
    tail -n "${lines:-40}" "$out/$name.log" >"$out/$name.txt"
    cat >"$out/$name.run.json" <<END
{"command": "$*", "date": "$(date -u '+%Y-%m-%d %H:%M UTC')", "seconds": $(($(date +%s) - began)), "exit": $code,
 "commit": "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)$dirty", "version": "$(build/hq version | head -n 1)",
 "load": "$load", "load_after": "$(cut -d' ' -f1-3 /proc/loadavg)",
 "machine": "$(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"}
END
    tail -n 1 "$out/$name.txt"
    [ "$code" -eq 0 ] || failed=$((failed + 1))
}

failed=0
[ $# -eq 0 ] && set -- crash chaos soak bench many fuzz
for name; do
    case $name in
    crash) lines=12 part crash node tests/crash/run.mjs --all --keep "$out/crash.json" ;;
    chaos) lines=3 part chaos node tests/chaos/run.mjs ;;
    soak) lines=5 part soak node tests/soak/run.mjs --minutes "${MINUTES:-120}" --keep "$out/soak.json" ;;
    bench) lines=120 part bench scripts/bench.sh ;;
    many) lines=20 part many node tests/bench/many.mjs ;;
    # A target that ran alone later (ONLY=) has its new line; the others keep theirs, with their commit.
    fuzz) export T="${T:-600}"; part fuzz scripts/fuzz.sh && cat build-fuzz/head build-fuzz/*.row >"$out/fuzz.txt" ;;
    *) echo "no part called $name (crash chaos soak bench many fuzz)" >&2; exit 2 ;;
    esac
done
node tests/proof/page.mjs "$out" >"$out/proof.md" && mv "$out/proof.md" docs/proof.md
echo "docs/proof.md is written; $failed parts failed"
[ "$failed" -eq 0 ]
