#!/bin/sh
# Measures what docs and targets speak of; prints a table with the machine's load beside it.
set -eu
cd "$(dirname "$0")/.."
scripts/need.sh test
PATH="$(scripts/node.sh):$PATH"
export PATH
scripts/build.sh build >/dev/null
node tests/bench/run.mjs "$@"
node tests/bench/delegation.mjs
exec node tests/bench/flows.mjs
