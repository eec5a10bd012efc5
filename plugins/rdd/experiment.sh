#!/bin/sh
# SPDX-License-Identifier: MIT
# experiment.sh [FOLDER]: a teacher, then each row of the method for each seed, and the tables. What is done is not done again and
# what was stopped goes on. May be set: ROWS, SEEDS, EPOCHS, TEACHER_SEEDS, TEACHER_EPOCHS, THREADS, DEVICE, SETTINGS (more of them,
# for every run), and LIMBECK_DATA, where camvid is. All students learn from the teacher of the first of its seeds. Needs limbeck in
# PATH: meson devenv -C build, for one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-runs/rdd}
rows=${ROWS:-rdd student kd tfe tse ohem and or tns} seeds=${SEEDS:-1 2 3} epochs=${EPOCHS:-24}
teacher_seeds=${TEACHER_SEEDS:-1} teacher_epochs=${TEACHER_EPOCHS:-50}
# shellcheck disable=SC2034
recipe=$here/recipes/camvid_small.yaml common=${SETTINGS:-}
# shellcheck disable=SC1091
. "$here/../experiment.sh"

row() { # what sets a row apart
    case $1 in
    student) echo plain=yes ;;            # labels alone
    kd) echo rdd.reweight=0 ;;            # and the teacher's logits
    tfe) echo rdd.easy=100% ;;            # and easy pixels first, to the end
    tse) echo rdd.easy=0 ;;               # or hard pixels alone, from the beginning
    rdd) echo rdd.easy=10% ;;             # or both, as published
    rdd30) echo rdd.easy=30% ;;
    ohem | and | or | tns) echo "rdd.mode=$1" ;;    # controls: other choices of hard pixels
    fixed) echo rdd.keep=0 ;;             # the threshold alone, as the paper has it
    mean) echo rdd.reduction=pix_mean ;;
    at) echo term.at.loss=kd.at term.at.student=student/feature term.at.teacher=teacher/feature term.at.weight=1e4 ;;
    *) echo "experiment.sh: no row '$1': student kd tfe tse rdd rdd30 ohem and or tns fixed mean at" >&2 && exit 2 ;;
    esac
}

for seed in $teacher_seeds; do
    train "teacher-$seed" plain=yes model.width=0.5 "epochs=$teacher_epochs" "seed=$seed"
done
teacher=$out/teacher-${teacher_seeds%% *}
for seed in $seeds; do
    for name in $rows; do
        settings=$(row "$name")
        # What the teacher says of a picture is asked once for all rows of a seed.
        # shellcheck disable=SC2086
        train "$name-$seed" $settings "epochs=$epochs" "seed=$seed" "teacher.weights=$teacher/student.safetensors" teacher_eval=no \
            teacher_cache=disk "teacher_cache_dir=$out/cache"
    done
    rm -rf "$out/cache"
done
runs=
for seed in $seeds; do # the first is what the others are compared with
    runs="$runs $(ls -d "$out/student-$seed" 2>/dev/null || true)"
done
for name in $rows; do
    for seed in $seeds; do
        [ "$name" = student ] || runs="$runs $out/$name-$seed"
    done
done
for seed in $teacher_seeds; do
    runs="$runs $out/teacher-$seed"
done
tables "miou pixels" "$runs"
