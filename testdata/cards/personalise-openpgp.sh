#!/usr/bin/env bash
# Makes a blank virtual OpenPGP card one with keys, with OpenSC's programs and OpenSSL:
#
#   personalise-openpgp.sh OUT    where the public keys and certificates go; the card is in the only reader
#
# RSA-2048 for signatures (OpenSC's ID 01, without a certificate: the card has room for one under OpenSC), P-256 for
# authentication (ID 03) with a certificate by a CA of its own. The user's PIN stays 123456, the administrator's 12345678.
# PCSCLITE_CSOCK_NAME names the pcscd.
set -euo pipefail
mkdir -p "$1"
cd "$1"

select=00:A4:04:00:06:D2:76:00:01:24:01
admin=00:20:00:83:08:31:32:33:34:35:36:37:38

# Commands after the applet's selection and the administrator's PIN; each has to be answered 9000 (or 61xx).
card() {
    local words=() command said
    for command in "$select" "$admin" "$@"; do words+=(-s "$command"); done
    said=$(opensc-tool --card-driver default "${words[@]}" 2>&1)
    [ "$(grep -cE 'SW1=0x(90|61)' <<< "$said")" -eq $(($# + 2)) ] || { echo "$said" >&2; return 1; }
}

hex() { od -An -tx1 -v "$1" | xargs | tr ' ' :; }
filled() { printf "$1%.0s" {1..20} | sed 's/../&:/g; s/:$//'; }

# Algorithm of the authentication key: ECDSA on P-256 (OpenPGP card 3.4, 4.4.3.10). OpenSC shows keys that have a
# fingerprint; this one is no hash of anything.
card 00:DA:00:C3:09:13:2A:86:48:CE:3D:03:01:07 00:47:80:00:02:B6:00 00:47:80:00:02:A4:00 \
    "00:DA:00:C7:14:$(filled 01)" "00:DA:00:C9:14:$(filled 03)"
pkcs15-tool --read-public-key 01 -o 01.pub.pem 2>/dev/null
pkcs15-tool --read-public-key 03 -o 03.pub.pem 2>/dev/null

openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/C=VN/CN=Cards Test CA' -days 3650 2>/dev/null
openssl x509 -new -force_pubkey 03.pub.pem -CA ca.pem -CAkey ca.key -days 3000 -out 03.pem \
    -subj '/C=VN/CN=The OpenPGP/UID=CCCD:079085000124' -extfile <(printf 'keyUsage=critical,digitalSignature,nonRepudiation\n')
openssl x509 -in 03.pem -outform DER -out 03.der

# PUT DATA of the cardholder's certificate, in chained commands.
split -b 240 03.der piece.
pieces=(piece.*)
commands=()
for piece in "${pieces[@]}"; do
    class=10
    [ "$piece" != "${pieces[-1]}" ] || class=00
    commands+=("$class:DA:7F:21:$(printf %02X "$(stat -c %s "$piece")"):$(hex "$piece")")
done
card "${commands[@]}"
rm "${pieces[@]}" 03.der
