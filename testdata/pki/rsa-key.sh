#!/usr/bin/env bash
# Makes an RSA key in a file.
#
#   rsa-key.sh NAME BITS FILE
#
#   KEYS=DIR    takes the key of this name from there, or leaves it there for the next time: to make one takes longer
#               than all else that a demo PKI needs
set -euo pipefail

name=${1:?usage: rsa-key.sh NAME BITS FILE} bits=${2:?} file=${3:?}
kept=${KEYS:+$KEYS/$name-$bits.key}
umask 077

if [ -n "$kept" ] && cp "$kept" "$file" 2>/dev/null; then exit; fi
openssl genrsa -out "$file" "$bits" 2>/dev/null
if [ -n "$kept" ]; then
    mkdir -p "$KEYS"
    # Whole or not at all: others may look for it now, or make it too.
    cp "$file" "$kept.$$" && mv "$kept.$$" "$kept"
fi
