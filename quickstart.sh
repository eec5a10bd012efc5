#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what the build needs, builds, and distils on Fashion-MNIST: three seeds each of plain training, ReffAKD, and
# ReffAKD with a uniform table. EPOCHS, SEEDS, THREADS and DEVICE (cpu, opencl, auto: see 'limbeck devices') may be set.
set -eu
cd "$(dirname "$0")"
. ./.ci/packages.sh
epochs=${EPOCHS:-4} seeds=${SEEDS:-1 2 3} threads=${THREADS:-$(nproc)} device=${DEVICE:-cpu}
recipe=plugins/reffakd/recipes/fashion_mnist.yaml

need $build_packages dataset-fashion-mnist
case $device in
opencl*) # PoCL drives the processor where no other driver is installed
    drivers=$(ls /etc/OpenCL/vendors 2>/dev/null) || true
    need ocl-icd-libopencl1 $([ -n "$drivers" ] || echo pocl-opencl-icd) ;;
esac
[ -f build/build.ninja ] || meson setup build --buildtype=release -Dtests=auto
ninja -C build
rm -rf runs/quickstart

train() {
    name=$1 seed=$2
    shift 2
    meson devenv -C build limbeck train -c "$PWD/$recipe" "epochs=$epochs" "seed=$seed" "threads=$threads" \
        "device=$device" reffakd.ae=2e "out=$PWD/runs/quickstart/$name-$seed" "$@"
}

begun=$(date +%s)
for seed in $seeds; do
    train plain "$seed" plain=yes
    train reffakd "$seed"
    train uniform "$seed" reffakd.table=uniform
done
echo
meson devenv -C build limbeck compare "$PWD"/runs/quickstart/*
echo "$(($(date +%s) - begun)) s of training, $epochs epochs; all runs are under runs/quickstart"
