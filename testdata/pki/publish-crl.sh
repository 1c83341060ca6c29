#!/usr/bin/env bash
# Signs a CRL of one authority of a generated PKI.
#
#   publish-crl.sh PKI [NAME]        writes PKI/NAME.crl in DER; NAME is ca unless given
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
PKI=$(cd "${1:?usage: publish-crl.sh PKI [NAME]}" && pwd)
CA=${2:-ca}
export PKI CA

openssl ca -config "$here/openssl.cnf" -gencrl -out "$PKI/private/$CA.crl.pem" 2>"$PKI/private/openssl.log" \
    || { cat "$PKI/private/openssl.log" >&2; exit 1; }
openssl crl -in "$PKI/private/$CA.crl.pem" -outform DER -out "$PKI/$CA.crl"
