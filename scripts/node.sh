#!/bin/sh
# Prints the folder of a Node new enough for the clients under tests/, installing what is missing.
# The machine's own Node serves when it is 20.15 or newer; Debian 12's is 18, then npm brings one.
set -eu
cd "$(dirname "$0")/../tests"
exec 9<.
flock 9 # two at once would remove each other's files, and the second would find it whole
fits() { "$1" -e 'const [a,b]=process.versions.node.split(".");process.exit(+a>20||(+a==20&&+b>=15)?0:1)' 2>/dev/null; }
install() { # folder with a lock file
    [ -e "$1/node_modules/.package-lock.json" ] && [ ! "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ] && return
    echo "npm ci in tests/$1" >&2
    (cd "$1" && npm ci --no-progress >&2) || { echo "npm could not install tests/$1" >&2; exit 2; }
    touch "$1/node_modules/.package-lock.json"
}
if fits node; then
    bin=$(dirname "$(command -v node)")
else
    install node
    # npm passes over an optional package that it cannot fetch without a word.
    bin=$(cd node/node_modules/node-linux-*/bin 2>/dev/null && pwd) || {
        rm -rf node/node_modules
        echo "npm brought no Node for this machine ($(uname -m)): is its registry reachable? Or install Node 20.15 or newer." >&2
        exit 2
    }
fi
PATH="$bin:$PATH"
install .
echo "$bin"
