#!/usr/bin/env bash
# Makes a blank virtual PIV card one that somebody was given, with Yubico's program and OpenSSL:
#
#   personalise-piv.sh READER OUT    part of the reader's name; where the public keys and certificates go
#
# RSA-2048 in 9A and 9C, P-256 in 9D and 9E; certificates by a CA of its own; CHUID and CCC. The PIN stays 123456, the PUK
# 12345678, the management key the one that cards are delivered with. PCSCLITE_CSOCK_NAME names the pcscd.
set -euo pipefail
reader=$1
mkdir -p "$2"
cd "$2"
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/C=VN/CN=Cards Test CA' -days 3650 2>/dev/null
tool() { yubico-piv-tool -r "$reader" "$@" 2>/dev/null; }
for slot in 9a:RSA2048 9c:RSA2048 9d:ECCP256 9e:ECCP256; do
    algorithm=${slot#*:} slot=${slot%:*}
    tool -s "$slot" -A "$algorithm" -a generate -o "$slot.pub.pem"
    # Debian 12's yubico-piv-tool cannot make a certificate by itself: it fails with OpenSSL 3.
    openssl x509 -new -force_pubkey "$slot.pub.pem" -CA ca.pem -CAkey ca.key -days 3000 -out "$slot.pem" \
        -subj "/C=VN/CN=Thẻ thử $slot/UID=CCCD:079085000123" -extfile <(printf 'keyUsage=critical,digitalSignature,nonRepudiation\n')
    tool -s "$slot" -a import-certificate -i "$slot.pem"
done
tool -a set-chuid -a set-ccc
