#!/bin/sh
# SPDX-License-Identifier: MIT
# experiment.sh [FOLDER]: a teacher, then each row of the method for each seed, and the tables. What is done is not done again and
# what was stopped goes on. May be set: ROWS, SEEDS, EPOCHS, THREADS, DEVICE; TEACHER, a model, TEACHER_WIDTH, TEACHER_EPOCHS and
# TEACHER_WITH, settings for it alone: data.fraction=0.28 gives it no more labels than its students have; LIMBECK_DATA, where nyu-v2,
# indoor-unlabelled and, for the row 'streets', camvid are. Needs limbeck in PATH: meson devenv -C build, for one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-runs/depth}
rows=${ROWS:-none x u xu} seeds=${SEEDS:-1 2 3} epochs=${EPOCHS:-60}
teacher=${TEACHER:-depth_resnet18} teacher_epochs=${TEACHER_EPOCHS:-40} width=${TEACHER_WIDTH:-0.5}
# shellcheck disable=SC2034
recipe=$here/recipes/nyu_v2_small.yaml common=eval_every=5e
# shellcheck disable=SC1091
. "$here/../experiment.sh"

row() { # what sets a row apart: one setting each
    case $1 in
    none) echo plain=yes ;;               # truth alone, on X
    x) echo depth.unlabelled=0 ;;         # and the teacher, on X
    u) echo depth.labelled=0 ;;           # the teacher alone, on U
    xu) echo depth.labelled=1 ;;          # both
    rooms) echo unlabelled=nyu_v2,kind=none,skip=0.28 ;;   # both; U without the other photographs
    streets) echo unlabelled=camvid,kind=none ;;           # both; U of another kind, a control
    *) echo "experiment.sh: no row '$1': none x u xu rooms streets" >&2 && exit 2 ;;
    esac
}

# shellcheck disable=SC2086
train teacher plain=yes "model=$teacher" "model.width=$width" "epochs=$teacher_epochs" seed=1 "lr=0.001 cos 0" \
    ${TEACHER_WITH:-data.fraction=1}
for seed in $seeds; do
    for name in $rows; do
        setting=$(row "$name")
        train "$name-$seed" "$setting" "epochs=$epochs" "seed=$seed" "teacher=$teacher" "teacher.width=$width" \
            "teacher.weights=$out/teacher/student.safetensors"
    done
done
tables "rmse rel log10 delta1" "$(runs)"
