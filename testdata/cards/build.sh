#!/usr/bin/env bash
# Builds the card equipment of the tests, and says where it is:
#
#   build.sh OUT    programs and libraries go to OUT/debug; what has not changed is not built again
#
# It is a workspace of its own with a lock file of its own: none of its crates is part of what ships. The OpenPGP applet
# (LGPL-3.0-only) is built in here, and nowhere else.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$here"
CARGO_TARGET_DIR=$out cargo build --quiet --locked --workspace --features vcards/openpgp
if [ "$here/vcac/vcac.c" -nt "$out/debug/vcac" ]; then
    # shellcheck disable=SC2046 # the flags are words of their own
    cc -O2 -Wall -Wextra -o "$out/debug/vcac" vcac/vcac.c $(pkg-config --cflags --libs libcacard nss)
fi
