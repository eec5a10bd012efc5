#!/bin/sh
# SPDX-License-Identifier: MIT
# experiment.sh [FOLDER]: a teacher, then each row of the method for each seed, and the tables. What is done is not done again and
# what was stopped goes on. May be set: DATA (bccd or facemask), ROWS, SEEDS, EPOCHS, TEACHER_EPOCHS, TEACHER_WIDTH, THREADS,
# DEVICE, SETTINGS (more of them, for every run), and LIMBECK_DATA, where the data is. Needs limbeck in PATH: meson devenv -C build,
# for one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${DATA:-bccd}
out=${1:-runs/ssim-$data}
case $data in facemask) length=20 ;; *) length=60 ;; esac # as their recipes have it: 1500 steps
rows=${ROWS:-vanilla l1 l2 ssim ssim2 structure} seeds=${SEEDS:-1 2 3} epochs=${EPOCHS:-$length}
teacher_epochs=${TEACHER_EPOCHS:-$length} width=${TEACHER_WIDTH:-0.5}
# shellcheck disable=SC2034
recipe=$here/recipes/${data}_small.yaml common=${SETTINGS:-}
# shellcheck disable=SC1091
. "$here/../experiment.sh"

row() { # what sets a row apart
    case $1 in
    vanilla) echo plain=yes ;;                             # no teacher
    l1) echo ssim.loss=l1 ;;
    l2) echo ssim.loss=mse ;;
    ssim) echo ssim.weight=4 ;;                            # as published
    ssim1 | ssim2 | ssim8) echo "ssim.weight=${1#ssim}" ;;
    structure) echo ssim.with=luminance=no,contrast=no ;;
    structure_k2) echo ssim.with=luminance=no,contrast=no,k2=0.001 ;; # where flat maps are no way out
    cs) echo ssim.with=luminance=no ;;                     # contrast and structure
    contrast) echo ssim.with=luminance=no,structure=no ;;
    luminance) echo ssim.with=contrast=no,structure=no ;;
    window5 | window7) echo "ssim.with=window=${1#window}" ;;
    sample | tensor) echo "ssim.normalise=$1" ;;           # what minimum and maximum are taken over
    standardise) echo ssim.normalise=standardise ssim.with=range=6 ;;
    stop) echo ssim.stop=yes ;;
    adapter) echo ssim.adapter=on ;;
    *) echo "experiment.sh: no row '$1': vanilla l1 l2 ssim ssim1 ssim2 ssim8 structure structure_k2 cs contrast luminance" \
        "window5 window7 sample tensor standardise stop adapter" >&2 && exit 2 ;;
    esac
}

for name in $rows; do
    row "$name" > /dev/null
done
train teacher plain=yes model=retinanet_resnet18 "model.width=$width" "epochs=$teacher_epochs" seed=1
for seed in $seeds; do
    for name in $rows; do
        settings=$(row "$name")
        # What the teacher says of a picture is asked once for all rows of a seed: 7 GB of disk at most.
        # shellcheck disable=SC2086
        train "$name-$seed" $settings "epochs=$epochs" "seed=$seed" "teacher.width=$width" \
            "teacher.weights=$out/teacher/student.safetensors" teacher_eval=no teacher_cache=disk \
            "teacher_cache_dir=$out/cache" teacher_cache_bytes=7000000000
    done
    rm -rf "$out/cache"
done
tables "ap ap50 ap75 ap_small ap_medium ap_large" "$(runs) $out/teacher"
