#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what the tests need, builds with warnings as errors, runs every test; --fast leaves out what takes minutes, --all adds
# what takes half an hour (every operator under Oclgrind, every network on OpenCL).
# Ends with a line "N passed, N failed".
set -u
cd "$(dirname "$0")"
. ./.ci/packages.sh
fast= all=
[ "${1:-}" != --fast ] || fast=yes
[ "${1:-}" != --all ] || all=yes
need $build_packages $test_packages || exit 1
passed=0 failed=0

# Counts what meson wrote down: a line of JSON per test.
tally() {
    log=$1/meson-logs/testlog.json
    [ -f "$log" ] || { failed=$((failed + 1)); return; }
    p=$(grep -cE '"result": "(OK|EXPECTEDFAIL)"' "$log")
    f=$(grep -cE '"result": "(FAIL|TIMEOUT|ERROR|INTERRUPT|UNEXPECTEDPASS)"' "$log")
    passed=$((passed + p)) failed=$((failed + f))
}

# suite DIRECTORY "OPTIONS OF THE BUILD" OPTIONS OF THE TEST ...
suite() {
    dir=$1 options=$2
    shift 2
    echo "== $dir: $options"
    [ -f "$dir/build.ninja" ] || meson setup "$dir" --werror -Dtests=enabled $options || { failed=$((failed + 1)); return; }
    rm -f "$dir/meson-logs/testlog.json"
    if ninja -C "$dir"; then
        meson test -C "$dir" --no-rebuild --print-errorlogs "$@"
        tally "$dir"
    else
        echo "not ok: $dir does not build"
        failed=$((failed + 1))
    fi
}

# one NAME COMMAND ...
one() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok: $name"
    else
        failed=$((failed + 1))
        echo "not ok: $name"
    fi
}

left_out=
[ -z "$fast" ] || left_out="--no-suite slow"
[ -n "$all" ] || left_out="$left_out --no-suite thorough"
suite build-test "--buildtype=debugoptimized" $left_out
if [ -z "$fast" ]; then
    one "commands of the documents" tests/docs.sh "$PWD/build-test"
    suite build-asan "--buildtype=debugoptimized -Db_sanitize=address,undefined -Dstatic_plugins=true" \
        --suite unit --suite cli --suite fuzz
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
