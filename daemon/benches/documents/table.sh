#!/usr/bin/env bash
# PDF and XML documents, checking, and a batch through the daemon beside their peers: see table.py.
#
#   BUILD=target DOCUMENTS=100 BATCH=500 VERIFY=100 MIB=200 daemon/benches/documents/table.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
python=$here/../../../target/judges/bin/python
exec "$python" -B "$here/table.py" "$BUILD" --documents "${DOCUMENTS:-100}" --batch "${BATCH:-500}" \
    --verify "${VERIFY:-100}" --mib "${MIB:-200}"
