#!/bin/sh
# Runs fuzz targets with libFuzzer, each for T seconds, and prints what came of it.
#   make fuzz            every target, 60 s each      make fuzz T=600 ONLY="yaml sse"   these, ten minutes each
#   JOBS=1               targets at once (default 2)
# Exit 1 with a finding; its input stays at the path that is printed. When it is mended, the input goes
# into tests/fuzz/corpus/<target>/, where `make test` replays it for ever. Inputs that reached something
# new stay in build-fuzz/corpus/ and are where the next run begins.
set -eu
cd "$(dirname "$0")/.."
scripts/need.sh build
command -v clang >/dev/null 2>&1 || { echo "make fuzz needs clang: apt-get install -y clang" >&2; exit 2; }
seconds=${T:-60}
jobs=${JOBS:-2}
case $seconds$jobs in *[!0-9]*) echo "T and JOBS are whole numbers: T=$seconds JOBS=$jobs" >&2; exit 2 ;; esac
build="build-fuzz"
known=$(cd tests/fuzz/corpus && echo *)
targets=${ONLY:-$known}
programs=
for name in $targets; do
    [ -d "tests/fuzz/corpus/$name" ] || { echo "there is no fuzz target \"$name\"; there are: $known" >&2; exit 2; }
    programs="$programs fuzz_$name"
done
[ -e $build/build.ninja ] || CC=clang meson setup $build -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
# shellcheck disable=SC2086
ninja -C $build --quiet $programs

row='%-16s %7s %10s %7s %9s  %-9s %s\n'
commit=$(git rev-parse --short HEAD 2>/dev/null || echo -)
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1" # else it would say so and go on

# One target: its log, and its line of the table in <target>.row, which stays for `make proof`.
run_one() {
    name=$1 dictionary=
    [ -e "tests/fuzz/dict/$name.dict" ] && dictionary=-dict=tests/fuzz/dict/$name.dict
    mkdir -p "$build/corpus/$name"
    rm -f "$build/$name.found" "$build/$name.row"
    code=0
    # shellcheck disable=SC2086
    nice -n 19 "$build/fuzz_$name" $dictionary -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
        -print_final_stats=1 -artifact_prefix="$build/found-$name-" "$build/corpus/$name" "tests/fuzz/corpus/$name" \
        >"$build/$name.log" 2>&1 || code=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
    last=$(grep -E '^#[0-9]+.* ft: ' "$build/$name.log" | tail -n 1)
    edges=$(echo "$last" | sed -n 's/.* cov: \([0-9]*\).*/\1/p')
    features=$(echo "$last" | sed -n 's/.* ft: \([0-9]*\).*/\1/p')
    found=$(sed -n 's/.*Test unit written to //p' "$build/$name.log" | tail -n 1)
    [ $code -eq 0 ] || echo "${found:-$build/$name.log}" >"$build/$name.found"
    # shellcheck disable=SC2059
    printf "$row" "$name" "$seconds" "${runs:--}" "${edges:--}" "${features:--}" "$commit" \
        "$([ $code -eq 0 ] && echo none || echo "${found:-see $build/$name.log}")" >"$build/$name.row"
    cat "$build/$name.row"
}

# shellcheck disable=SC2059
printf "$row" target seconds runs edges features commit finding | tee $build/head
at_once=0
for name in $targets; do
    run_one "$name" &
    at_once=$((at_once + 1))
    if [ $at_once -ge "$jobs" ]; then
        wait
        at_once=0
    fi
done
wait
failed=0
for name in $targets; do
    [ -e "$build/$name.found" ] || continue
    failed=$((failed + 1))
    echo
    echo "== $name: $(cat "$build/$name.found")"
    grep -nE 'ERROR:|runtime error:|SUMMARY:|property:' "$build/$name.log" | head -n 5
done
[ $failed -eq 0 ] && echo "no findings" || exit 1
