#!/usr/bin/env bash
# Makes a demo PKI in a folder, offline, with nothing but openssl: a root, the issuing authority below it, an
# authority under name constraints, an impostor of the root, and a CRL of each.
#
#   generate.sh OUT
#
#   OUT/root.pem  OUT/ca.pem  OUT/constrained.pem   certificates       OUT/chain.pem   ca + root
#   OUT/impostor.pem                                 the root's name over another key
#   OUT/trust/root.pem                               a folder with the anchor alone, for `trien verify --trust`
#   OUT/{root,ca,constrained}.crl                    DER
#   OUT/private/                                     keys and registers; nothing of it is ever committed
#
#   KEYS=DIR    takes the keys from there, or leaves them there for the next time (rsa-key.sh)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: generate.sh OUT}
config=$here/openssl.cnf

root_name="/C=VN/O=Cơ quan Chứng thực Trình diễn/CN=Vietnam National Root CA (DEMO)"
ca_name="/C=VN/O=Công ty Trình diễn/OU=Mạng tin cậy Trình diễn/CN=CA Công cộng Trình diễn"
constrained_name="/C=VN/O=Công ty Trình diễn/CN=CA chuyên dùng phường Trình Diễn"

mkdir -p "$out/private" "$out/issued" "$out/trust"
chmod 700 "$out/private"
PKI=$(cd "$out" && pwd)
export PKI CA=root

# serial: 128 bits as in the field; the leading byte keeps it positive and of one length
register() {
    : > "$PKI/private/$1.index"
    echo 01 > "$PKI/private/$1.crlnumber"
    echo "54$(openssl rand -hex 15)" > "$PKI/private/$1.serial"
}

key() { "$here/rsa-key.sh" "$1" "$2" "$PKI/private/$1.key"; }

self_signed() { # name bits subject
    key "$1" "$2"
    openssl req -config "$config" -utf8 -new -x509 -key "$PKI/private/$1.key" -sha256 -days 9131 \
        -set_serial "0x54$(openssl rand -hex 15)" -subj "$3" -extensions root -out "$PKI/$1.pem"
    register "$1"
}

below_root() { # name extensions subject
    key "$1" 2048
    openssl req -config "$config" -utf8 -new -key "$PKI/private/$1.key" -subj "$3" -out "$PKI/private/$1.csr"
    CA=root openssl ca -config "$config" -batch -notext -preserveDN -days 3653 -extensions "$2" \
        -in "$PKI/private/$1.csr" -out "$PKI/$1.pem" 2>"$PKI/private/openssl.log" \
        || { cat "$PKI/private/openssl.log" >&2; exit 1; }
    register "$1"
}

self_signed root 3072 "$root_name"
self_signed impostor 2048 "$root_name"
below_root ca issuing "$ca_name"
below_root constrained constrained "$constrained_name"
for name in root ca constrained; do "$here/publish-crl.sh" "$PKI" "$name"; done
cat "$PKI/ca.pem" "$PKI/root.pem" > "$PKI/chain.pem"
cp "$PKI/root.pem" "$PKI/trust/root.pem"
