#!/usr/bin/env bash
# CAdES B-B of 1 GiB, detached and attached, beside `openssl cms`: wall time, processor time, peak memory; three rounds
# in turn, so that both see the same machine.
#
#   BUILD=target SIZE_MIB=1024 daemon/benches/documents/cades.sh
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl req -x509 -newkey rsa:2048 -nodes -sha256 -keyout "$work/key.pem" -out "$work/cert.pem" -days 30 \
    -subj "/C=VN/CN=Bench" -addext "keyUsage=critical,digitalSignature,nonRepudiation" 2>/dev/null
head -c "${SIZE_MIB:-1024}M" /dev/urandom > "$work/content"
ours=$BUILD/release/examples/stream

measure() { # name command…
    local name=$1
    shift
    /usr/bin/time -f "$name: %e s wall, %U s user, %S s system, %M KiB" "$@"
}

cat "$work/content" > /dev/null # both find it in the page cache
for round in 1 2 3; do
    echo "-- round $round"
    measure "triện detached " "$ours" "$work/cert.pem" "$work/key.pem" detached "$work/content" "$work/ours.p7s"
    measure "openssl detached" openssl cms -sign -cades -binary -md sha256 -signer "$work/cert.pem" \
        -inkey "$work/key.pem" -outform DER -in "$work/content" -out "$work/theirs.p7s"
    measure "triện attached  " "$ours" "$work/cert.pem" "$work/key.pem" attached "$work/content" "$work/ours.p7m"
    measure "openssl attached" openssl cms -sign -cades -binary -md sha256 -nodetach -stream \
        -signer "$work/cert.pem" -inkey "$work/key.pem" -outform DER -in "$work/content" -out "$work/theirs.p7m"
    openssl cms -verify -cades -binary -inform DER -in "$work/ours.p7s" -content "$work/content" -purpose any \
        -CAfile "$work/cert.pem" -out /dev/null
    openssl cms -verify -cades -binary -inform DER -in "$work/ours.p7m" -purpose any -CAfile "$work/cert.pem" -out /dev/null
    rm -f "$work"/*.p7m
done
