#!/usr/bin/env bash
# The figures of documents: every script beside this one's folder measures one format beside its peer, in one run.
#
#   BUILD=target daemon/benches/documents.sh [NAME…]      NAME: cades, …; all of them without a name
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
BUILD=$(cd "${BUILD:-target}" && pwd)
export BUILD
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for script in "$here"/documents/*.sh; do names+=("$(basename "$script" .sh)"); done
fi
for name in "${names[@]}"; do
    echo "== $name"
    "$here/documents/$name.sh"
done
