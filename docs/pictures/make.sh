#!/bin/sh
# SPDX-License-Identifier: MIT
# make.sh [FOLDER]: the runs whose pictures README shows, on generated scenes; some minutes on 2 cores. Then
# chromium --headless --screenshot=report.png --window-size=1000,1400 file://FOLDER/depth/report.html
set -eu
out=${1:-runs/pictures}
scenes="count=800,eval_count=48,h=64,w=96,noise=0.1" common="batch=8 eval_batch=8 optim=adam seed=1"

# shellcheck disable=SC2086
limbeck train model=light_depth "data=synth,of=depth,$scenes" depth.loss=l1 epochs=12 "lr=0.003 cos 0" $common out="$out/teacher"
# shellcheck disable=SC2086
limbeck train method=depth model=light_depth teacher=light_depth teacher.weights="$out/teacher/student.safetensors" \
    "data=synth,of=depth,$scenes" data.fraction=0.1 unlabelled="synth,of=depth,seed=2,$scenes" depth.loss=l1 epochs=60 eval_every=5e \
    samples=3 samples_every=20e "lr=0.003 cos 0" $common out="$out/depth"
# shellcheck disable=SC2086
limbeck train model=deeplabv3_mobilenet_v2 model.width=0.25 "data=synth,of=segment,classes=6,$scenes" epochs=20 "lr=0.002 cos 0" \
    samples=3 $common out="$out/segment"
