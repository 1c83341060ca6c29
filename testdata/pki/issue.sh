#!/usr/bin/env bash
# Issues a certificate from a PKCS #10 request (RFC 2986), whose key stays where it is: on the token.
#
#   issue.sh PKI PROFILE REQUEST CERTIFICATE
#
# The subject is the request's. PROFILE is one of
#   citizen official agency                      as public authorities issue them
#   encryption_only critical_unknown no_status   extensions that a verifier has to judge
#   expiring expired not_yet_valid sha1          `citizen` with something wrong around it
#   revoked held                                 the same, and on the authority's list
#   constrained                                  `citizen` from the authority that may issue only for one agency
#   responder                                    answers for the authority (OCSP)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 4 ] || { echo "usage: issue.sh PKI PROFILE REQUEST CERTIFICATE" >&2; exit 2; }
PKI=$(cd "$1" && pwd)
profile=$2 request=$3 certificate=$4
CA=ca
extensions=$profile
options=()

day() { date -u -d "$1" +%Y%m%d%H%M%SZ; }
case $profile in
    citizen | official | agency | encryption_only | critical_unknown | no_status | responder) ;;
    expiring) extensions=citizen options=(-startdate "$(day '-345 days')" -enddate "$(day '+20 days')") ;;
    expired) extensions=citizen options=(-startdate "$(day '-400 days')" -enddate "$(day '-35 days')") ;;
    not_yet_valid) extensions=citizen options=(-startdate "$(day '+35 days')" -enddate "$(day '+400 days')") ;;
    sha1) extensions=citizen options=(-md sha1) ;;
    revoked | held) extensions=citizen ;;
    constrained) extensions=citizen CA=constrained ;;
    *) echo "issue.sh: no such profile: $profile" >&2; exit 2 ;;
esac
export PKI CA

run() { "$@" 2>"$PKI/private/openssl.log" || { cat "$PKI/private/openssl.log" >&2; exit 1; }; }

echo "54$(openssl rand -hex 15)" > "$PKI/private/$CA.serial"
run openssl ca -config "$here/openssl.cnf" -batch -notext -preserveDN -extensions "$extensions" "${options[@]}" \
    -in "$request" -out "$certificate"
case $profile in
    revoked) reason=keyCompromise ;;
    held) reason=certificateHold ;;
    *) exit 0 ;;
esac
run openssl ca -config "$here/openssl.cnf" -revoke "$certificate" -crl_reason "$reason"
"$here/publish-crl.sh" "$PKI" "$CA"
