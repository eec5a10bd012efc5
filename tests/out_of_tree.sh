#!/bin/sh
# SPDX-License-Identifier: MIT
# out_of_tree.sh BUILD: installs that build under a private prefix, builds a method against nothing but what was
# installed, installs it beside the others, and trains with it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LIMBECK_PLUGIN_PATH

DESTDIR=$work meson install -C "$build" --no-rebuild --quiet
prefix=$work$(meson introspect "$build" --buildoptions | python3 -c '
import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
pc=$(find "$prefix" -name limbeck.pc)
# Installed for its final place, used from a private one.
sed -i "s|^prefix=.*|prefix=$prefix|" "$pc"
PKG_CONFIG_PATH=$(dirname "$pc")
LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH LD_LIBRARY_PATH
LIMBECK_PLUGIN_PATH=$(pkg-config --variable=plugindir limbeck)
export LIMBECK_PLUGIN_PATH

meson setup "$work/build" "$here/out_of_tree" --prefix "$prefix" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
meson compile -C "$work/build" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
meson install -C "$work/build" --quiet
test -f "$LIMBECK_PLUGIN_PATH/matchlogits.so"

limbeck=$prefix/bin/limbeck
cd "$work"
"$limbeck" list methods | grep -q '^ *matchlogits'
"$limbeck" list losses | grep -q 'matchlogits.match'
"$limbeck" help method matchlogits | grep -q 'centre'
"$limbeck" train method=none data=synth model=lenet5_bn steps=3 batch=8 seed=1 device=cpu out=teacher
"$limbeck" train method=matchlogits data=synth model=lenet5_bn teacher=lenet5_bn teacher.weights=teacher/student.safetensors \
    steps=3 batch=8 seed=2 device=cpu out=student
test -s student/student.safetensors
grep -q '"match"' student/metrics.jsonl
"$limbeck" plugin check "$LIMBECK_PLUGIN_PATH/matchlogits.so"
echo "out of tree: built, installed, listed, checked, trained"
