# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the experiment.sh of methods share; sourced by them. They set out, a folder, rows, seeds, recipe, and common, settings for every run; the
# user may set THREADS and DEVICE.
device=${DEVICE:-cpu} threads=${THREADS:-$(nproc)}
[ "$device" != cpu ] || device=cpu,threads=$threads

# train NAME SETTING ...: a run in $out/NAME, unless it is done; one that was stopped goes on.
train() {
    # shellcheck disable=SC2154
    dir=$out/$1
    shift
    if [ -f "$dir/result.json" ]; then
        return
    elif [ -n "$(ls "$dir/checkpoints" 2>/dev/null)" ]; then
        limbeck resume "$dir"
    else
        rm -rf "$dir"
        # shellcheck disable=SC2086,SC2154
        limbeck train -c "$recipe" "device=$device" "out=$dir" $common "$@"
    fi
}

# runs: of every row, its seeds.
runs() {
    # shellcheck disable=SC2154
    for name in $rows; do
        for seed in $seeds; do
            printf '%s ' "$out/$name-$seed"
        done
    done
}

# tables "SCORE ..." "RUN ...": one for each score.
tables() {
    for score in $1; do
        # shellcheck disable=SC2086
        limbeck compare $2 "score=$score"
    done
}
