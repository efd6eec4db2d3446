#!/bin/sh
# Runs every fuzz target with libFuzzer for a while. usage: fuzz.sh [seconds for each, default 60]
# Needs clang. New inputs stay in build-fuzz/; copy what found something into tests/fuzz/corpus/.
set -eu
cd "$(dirname "$0")/.."
scripts/need.sh build
command -v clang >/dev/null 2>&1 || { echo "make fuzz needs clang: apt-get install -y clang" >&2; exit 2; }
seconds=${1:-${SECONDS_EACH:-60}}
[ -e build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Db_sanitize=address,undefined -Db_lundef=false \
    -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
ninja -C build-fuzz --quiet
libraries=$(find build-fuzz -name 'libhq_*.a')
failed=0
for source in tests/fuzz/*.c; do
    name=$(basename "$source" .c)
    [ "$name" = replay ] && continue
    # shellcheck disable=SC2046,SC2086
    clang -g -fsanitize=address,undefined,fuzzer -D_GNU_SOURCE -DHQ_VERSION='"fuzz"' -Isrc "$source" -o "build-fuzz/fuzz_$name" \
        -Wl,--start-group $libraries -Wl,--end-group \
        $(pkg-config --cflags --libs jansson libcrypto libseccomp libmicrohttpd libcurl yaml-0.1 sqlite3) -lpthread
    mkdir -p "build-fuzz/corpus/$name"
    echo "== $name, $seconds s"
    if ! "build-fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build-fuzz/$name-" "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"build-fuzz/$name.log" 2>&1; then
        failed=$((failed + 1))
        tail -n 40 "build-fuzz/$name.log"
    fi
    grep -E '^Done|stat::number_of_executed_units' "build-fuzz/$name.log" || true
done
[ "$failed" -eq 0 ] && echo "no findings" || { echo "$failed targets found something"; exit 1; }
