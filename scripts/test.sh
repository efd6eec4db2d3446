#!/bin/sh
# Runs the suite and ends with "N passed, N failed". usage: [SAN=address|thread] test.sh [part…]
# Parts: rooms stories crash chaos systemd sanitized unit fuzz crash-all chaos-all. None named: the first six; in
# them unit tests and fuzz corpora run once, under the address sanitizer.
set -u
cd "$(dirname "$0")/.."
scripts/need.sh test || exit 2
node_bin=$(scripts/node.sh) || exit 2
PATH="$node_bin:$PATH"
export PATH

work=$(mktemp -d)
ahead= # pid of the sanitized build that goes on beside the first parts
trap '[ -z "$ahead" ] || kill $ahead 2>/dev/null; rm -rf "$work"' EXIT
tally=$work/tally
: >"$tally"

since=$(date +%s)
count() { # name passed failed skipped
    line="$2 passed, $3 failed"
    [ "$4" -gt 0 ] && line="$line, $4 skipped"
    now=$(date +%s)
    echo "== $1: $line ($((now - since)) s)"
    since=$now
    echo "$2 $3 $4" >>"$tally"
}

build() { # folder, meson options
    folder=$1
    shift
    echo "== building $folder"
    scripts/build.sh "$folder" "$@" >"$work/build.log" 2>&1 && return
    tail -n 60 "$work/build.log"
    count "build of $folder" 0 1 0
    return 1
}

# A script of ours that ends with "N passed, N failed[, N skipped]".
script_part() { # name, command
    name=$1
    shift
    "$@" >"$work/script.log" 2>&1
    code=$?
    cat "$work/script.log"
    last=$(tail -n 1 "$work/script.log")
    numbers=$(echo "$last" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)\{0,1\}$/\1 \2 \4/p')
    # shellcheck disable=SC2086
    set -- $numbers
    failed=${2:-1}
    [ "$code" -ne 0 ] && [ "$failed" -eq 0 ] && failed=1
    count "$name" "${1:-0}" "$failed" "${3:-0}"
}

meson_part() { # name, folder, suite options
    name=$1 folder=$2
    shift 2
    log=$folder/meson-logs/part.json
    rm -f "$log"
    meson test -C "$folder" --no-rebuild --logbase part "$@" >"$work/meson.log" 2>&1
    [ -s "$log" ] || cat "$work/meson.log"
    script_part "$name" node tests/tally.mjs "$log"
}

story_files() {
    [ -z "$1" ] && echo tests/stories/*.test.mjs
    for story in $1; do echo "tests/stories/$story.test.mjs"; done
}

# What `make test` plays under a sanitizer too, for the sake of its ten minutes: one story of each room's
# memory. SAN=address make test plays them all.
sample='ask hooks delegation teamwork handoff webhook money models input inbox flow-run'

stories() { # name, program, stories (none: all)
    tap=$work/stories.tap
    # shellcheck disable=SC2046
    HQ_BINARY=$PWD/$2 node --test --test-concurrency=6 --test-reporter=tap --test-reporter-destination="$tap" \
        --test-reporter=spec --test-reporter-destination=stdout $(story_files "${3:-}") >"$work/stories.log" 2>&1
    number() { awk -v what="$1" '$1 == "#" && $2 == what { n = $3 } END { print n + 0 }' "$tap"; }
    [ -e "$tap" ] || : >"$tap"
    passed=$(number pass)
    failed=$(($(number fail) + $(number cancelled)))
    [ $((passed + failed)) -eq 0 ] && failed=1
    [ "$failed" -gt 0 ] && sed -n '/failing tests/,$p' "$work/stories.log" | head -n 400
    count "$1" "$passed" "$failed" "$(number skipped)"
}

options_of() { # address or thread
    case $1 in
    address) echo -Dtests=true -Dprobe=true -Db_sanitize=address,undefined -Db_lundef=false ;;
    thread) echo -Dtests=true -Dprobe=true -Db_sanitize=thread -Db_lundef=false ;;
    esac
}

# Most of the other parts' time is waiting: at the lowest priority a build beside them costs them little.
build_ahead() {
    # shellcheck disable=SC2046
    nice -n 19 scripts/build.sh build-address $(options_of address) >/dev/null 2>&1 &
    ahead=$!
}

sanitized() { # address or thread, stories
    [ -z "$ahead" ] || wait "$ahead"
    ahead=
    # shellcheck disable=SC2046
    build "build-$1" $(options_of "$1") || return
    meson_part "unit and fuzz, $1 sanitizer" "build-$1"
    stories "stories${2:+ ($2)}, $1 sanitizer" "build-$1/hq" "${2:-}"
}

part() {
    case $1 in
    unit) meson_part unit build --no-suite fuzz ;;
    fuzz) meson_part 'fuzz corpora' build --suite fuzz ;;
    rooms) script_part rooms node tests/rooms.mjs ;;
    stories) stories stories build/hq ;;
    crash) script_part 'crash points' node tests/crash/run.mjs ;;
    crash-all) script_part 'crash points, all' node tests/crash/run.mjs --all ;;
    chaos) script_part 'chaos' node tests/chaos/run.mjs --tasks 400 ;;
    systemd) HQ_BINARY=build/hq script_part 'systemd' node tests/systemd/run.mjs ;;
    chaos-all) script_part 'chaos, 10,000 tasks' node tests/chaos/run.mjs ;;
    sanitized) sanitized address "$sample" ;;
    *) echo "no part called $1 (rooms stories crash chaos systemd sanitized unit fuzz crash-all chaos-all)" >&2; exit 2 ;;
    esac
}

export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
case ${SAN:-} in
'')
    case " $* " in *' unit '* | *' fuzz '*) tests=true ;; *) tests=false ;; esac
    if build build -Dtests=$tests -Dprobe=true; then
        [ $# -gt 0 ] || build_ahead
        [ $# -gt 0 ] || set -- rooms stories crash chaos systemd sanitized
        for name; do part "$name"; done
    fi ;;
address | thread) sanitized "$SAN" ;;
*) echo "SAN is address or thread, not $SAN" >&2; exit 2 ;;
esac

awk '{ p += $1; f += $2; s += $3 }
     END { printf "%d passed, %d failed", p, f; if (s) printf ", %d skipped", s; print ""; exit f > 0 || p == 0 }' "$tally"
