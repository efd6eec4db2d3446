#!/bin/sh
# Configures where needed and builds. usage: build.sh FOLDER [meson options]
# With CI=true warnings are errors.
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift
[ "${CI:-}" = true ] && set -- -Dwerror=true "$@"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

configure() {
    if [ ! -e "$folder/build.ninja" ]; then
        rm -rf "$folder"
        meson setup "$folder" "$@" || { rm -rf "$folder"; return 1; }
    elif [ $# -gt 0 ]; then
        # Not `meson configure`: it knows no option that a pull has brought since the folder was made.
        meson setup --reconfigure "$folder" "$@" || return 1
    fi
    echo "$*" >"$folder/.options"
}
if [ ! -e "$folder/build.ninja" ] || { [ $# -gt 0 ] && [ "$(cat "$folder/.options" 2>/dev/null)" != "$*" ]; }; then
    configure "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
if [ -t 1 ]; then
    ninja -C "$folder"
else
    ninja -C "$folder" --quiet >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    grep -E 'warning:' "$log" >&2 || true
fi
echo "built $folder/hq"
