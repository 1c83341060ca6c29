#!/usr/bin/env bash
# Makes leaves whose keys lie in files, for tests of formats and of verification that need no token.
#
#   leaves.sh PKI [NAME…]            PKI/leaves/NAME/{key.pem,cert.pem}; all names unless some are given
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
PKI=$(cd "${1:?usage: leaves.sh PKI [NAME…]}" && pwd)
export PKI CA=ca
shift

citizen="/C=VN/ST=Thành phố Hồ Chí Minh/L=Phường Trình Diễn/CN=NGUYỄN VĂN AN/UID=CCCD:079085000123"
official="/C=VN/ST=Thành phố Hồ Chí Minh/L=Phường Trình Diễn/O=Ủy ban nhân dân phường Trình Diễn"
official="$official/OU=Bộ phận Một cửa/title=Chuyên viên/CN=TRẦN THỊ BÌNH/UID=CCCD:079190000456"
agency="/C=VN/ST=Thành phố Hồ Chí Minh/L=Phường Trình Diễn/O=Ủy ban nhân dân phường Trình Diễn"
agency="$agency/CN=ỦY BAN NHÂN DÂN PHƯỜNG TRÌNH DIỄN/UID=MST:0301234567"
several="/C=VN/ST=Thành phố Hồ Chí Minh/CN=LÊ THỊ CÚC/UID=MST:0301234567-001/UID=CCCD:079192000789"

rsa() { openssl genrsa -out "$1" "$2" 2>/dev/null; }
ec() { openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -out "$1"; }

leaf() { # name profile subject key-function key-parameter
    local folder=$PKI/leaves/$1
    mkdir -p "$folder"
    "$4" "$folder/key.pem" "$5"
    openssl req -config "$here/openssl.cnf" -utf8 -new -key "$folder/key.pem" -subj "$3" -out "$folder/request.pem"
    "$here/issue.sh" "$PKI" "$2" "$folder/request.pem" "$folder/cert.pem"
}

# The authority's own leaf signs another leaf: basicConstraints forbids it (RFC 5280 6.1.4 k).
below_leaf() {
    leaf "$1" citizen "$citizen" rsa 2048
    openssl req -config "$here/openssl.cnf" -utf8 -new -key "$PKI/leaves/$1/key.pem" -subj "$several" \
        -out "$PKI/leaves/$1/request.pem"
    mv "$PKI/leaves/$1/cert.pem" "$PKI/leaves/$1/issuer.pem"
    mv "$PKI/leaves/$1/key.pem" "$PKI/leaves/$1/issuer.key"
    rsa "$PKI/leaves/$1/key.pem" 2048
    openssl req -config "$here/openssl.cnf" -utf8 -new -key "$PKI/leaves/$1/key.pem" -subj "$several" \
        -out "$PKI/leaves/$1/request.pem"
    openssl x509 -req -in "$PKI/leaves/$1/request.pem" -CA "$PKI/leaves/$1/issuer.pem" \
        -CAkey "$PKI/leaves/$1/issuer.key" -set_serial "0x54$(openssl rand -hex 15)" -days 365 \
        -extfile "$here/openssl.cnf" -extensions no_status -out "$PKI/leaves/$1/cert.pem" 2>/dev/null
}

make() {
    case $1 in
        citizen) leaf citizen citizen "$citizen" rsa 2048 ;;
        official) leaf official official "$official" ec P-256 ;;
        agency) leaf agency agency "$agency" rsa 3072 ;;
        p384) leaf p384 official "$official" ec P-384 ;;
        several_uid) leaf several_uid citizen "$several" ec P-256 ;;
        weak_key) leaf weak_key citizen "$citizen" rsa 1024 ;;
        below_leaf) below_leaf below_leaf ;;
        expired | not_yet_valid | sha1 | revoked | held | encryption_only | critical_unknown | no_status | constrained)
            leaf "$1" "$1" "$citizen" ec P-256 ;;
        *) echo "leaves.sh: no such leaf: $1" >&2; exit 2 ;;
    esac
}

umask 077
[ $# -gt 0 ] || set -- citizen official agency p384 several_uid weak_key below_leaf expired not_yet_valid sha1 \
    revoked held encryption_only critical_unknown no_status constrained
for name; do make "$name"; done
