#!/usr/bin/env python3
"""Judges the counter-signature (RFC 5652, 11.4) of a CMS by one signer, which OpenSSL and pyHanko pass over.

    counter.py CMS

Prints who confirmed whom. Exit 0 when the counter-signature's message digest is that of the signature value, and its
own value verifies with the key of the certificate that it names, by pyca/cryptography; an exception otherwise.
"""

import hashlib
import sys

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding


def certificate_of(signer, signed):
    """The certificate that a signer's identifier names."""
    name = signer["sid"].chosen
    [found] = [
        choice.chosen
        for choice in signed["certificates"]
        if choice.chosen.serial_number == name["serial_number"].native and choice.chosen.issuer == name["issuer"]
    ]
    return x509.load_der_x509_certificate(found.dump())


def main():
    """Reads the file, prints the verdict."""
    with open(sys.argv[1], "rb") as file:
        signed = cms.ContentInfo.load(file.read())["content"]
    [signer] = signed["signer_infos"]
    [counter] = [
        value
        for attribute in signer["unsigned_attrs"]
        if attribute["type"].native == "counter_signature"
        for value in attribute["values"]
    ]
    attributes = {attribute["type"].native: attribute["values"] for attribute in counter["signed_attrs"]}
    assert "content_type" not in attributes, "RFC 5652, 11.4 forbids it"
    [digest] = attributes["message_digest"].native
    assert counter["digest_algorithm"]["algorithm"].native == "sha256"
    assert digest == hashlib.sha256(signer["signature"].native).digest(), "it is over another value"
    by = certificate_of(counter, signed)
    if isinstance(by.public_key(), ec.EllipticCurvePublicKey):
        scheme = [ec.ECDSA(hashes.SHA256())]
    else:
        scheme = [padding.PKCS1v15(), hashes.SHA256()]
    signed_attributes = counter["signed_attrs"].untag().dump()
    by.public_key().verify(counter["signature"].native, signed_attributes, *scheme)
    print(by.subject.rfc4514_string(), "confirms", certificate_of(signer, signed).subject.rfc4514_string())


if __name__ == "__main__":
    main()
