# SPDX-License-Identifier: MIT
# Debian packages, and need(), which installs those that are missing.
build_packages="gcc libc6-dev meson ninja-build pkg-config zlib1g-dev libpng-dev libturbojpeg0-dev libjansson-dev libexpat1-dev libyaml-dev opencl-c-headers"
test_packages="g++ git binutils python3 libcmocka-dev dataset-fashion-mnist ocl-icd-libopencl1 pocl-opencl-icd mesa-opencl-icd oclgrind libclblast1"

# A root without /sys, as a bare chroot is: PoCL asks hwloc there for cores and memory, finds none, and ends the program.
if [ ! -d /sys/devices/system/cpu ]; then
    HWLOC_SYNTHETIC="numa:1(memory=4294967296) core:$(nproc) pu:1"
    export HWLOC_SYNTHETIC
    echo "there is no /sys here: PoCL is told of $(nproc) cores and 4 GiB (HWLOC_SYNTHETIC)"
fi

need() {
    missing=
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
    done
    [ -n "$missing" ] || return 0
    echo "installing:$missing"
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -q
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
}
