#!/bin/sh
# SPDX-License-Identifier: MIT
# docs.sh BUILD: runs every command in the blocks of README.md and docs/ that are marked `sh run`, in a copy of nothing but the
# recipes.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
ln -s "$root/plugins" "$root/tests" "$dir/"
ln -s "$build" "$dir/build"
awk '/^```sh run$/ { on = 1; next } /^```/ { on = 0 } on' "$root/README.md" "$root"/docs/*.md >"$dir/commands"
[ -s "$dir/commands" ] || { echo "no document has a block to run"; exit 1; }
cd "$dir"
PATH="$build/cli:$PATH"
LIMBECK_PLUGIN_PATH="$build/backends:$build/models:$build/plugins"
export PATH LIMBECK_PLUGIN_PATH
while read -r line; do
    echo "\$ $line"
    sh -c "$line" </dev/null || { echo "exit $?: $line"; exit 1; }
done <commands
