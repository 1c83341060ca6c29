"""Judges a Web eID authentication token as a portal has to, with another implementation of the cryptography.

    web_eid.py [--ocsp] TOKEN.json ORIGIN NONCE TRUSTED.pem...

The steps are those of the format's published validation: the format's major version, the certificate (validity, key
usage, purpose, chain to a trusted authority), the algorithm (on a list, and of the key's kind), and the signature over
H(H(origin) || H(nonce)) rebuilt from the portal's own origin and its own stored nonce. In the format 1.1 each signing
certificate must be of the same subject and issuer, and may sign contents. With --ocsp the responder that the certificate
names is asked (RFC 6960): it has to call it good, now, for this question. Prints the subject, or why not; status 0 or 1.
"""

import base64
import hashlib
import json
import os
import re
import sys
import urllib.request
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
# As in the libraries of Web eID: how far clocks may be apart, and how old an answer may be.
SKEW, AGE = timedelta(minutes=15), timedelta(minutes=2)
FIELDS = {"unverifiedCertificate", "algorithm", "signature", "format", "appVersion"}


class Invalid(Exception):
    """Why the token proves nothing."""


def demand(condition, why):
    if not condition:
        raise Invalid(why)


def certificate(text):
    return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))


def check_certificate(leaf, trusted, usage):
    now = datetime.now(timezone.utc)
    demand(leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc, "not valid now")
    uses = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    demand(getattr(uses, usage), f"key usage: no {usage}")
    link, rest = leaf, list(trusted)
    while link.subject != link.issuer:
        issuer = next((one for one in rest if one.subject == link.issuer), None)
        demand(issuer is not None, f"no path: {link.issuer.rfc4514_string()} is not trusted")
        link.verify_directly_issued_by(issuer)
        demand(issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca, "the issuer is no CA")
        rest.remove(issuer)
        link = issuer


def ask_responder(leaf, trusted):
    issuer = next(one for one in trusted if one.subject == leaf.issuer)
    access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    addresses = [one.access_location.value for one in access if one.access_method == AuthorityInformationAccessOID.OCSP]
    demand(addresses, "the certificate names no responder")
    nonce = x509.OCSPNonce(os.urandom(32))
    question = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1()).add_extension(nonce, False).build()
    message = urllib.request.Request(
        addresses[0], question.public_bytes(Encoding.DER), {"Content-Type": "application/ocsp-request"}
    )
    try:
        # No proxy of the environment: the address is that of the certificate.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(message, timeout=5) as reply:
            answer = ocsp.load_der_ocsp_response(reply.read(1 << 20))
    except OSError as why:
        raise Invalid(f"the responder does not answer: {why}") from why
    demand(answer.response_status == ocsp.OCSPResponseStatus.SUCCESSFUL, f"the responder says {answer.response_status.name}")
    demand(answer.serial_number == leaf.serial_number, "an answer about another certificate")
    for ours, theirs in ((question.issuer_name_hash, answer.issuer_name_hash), (question.issuer_key_hash, answer.issuer_key_hash)):
        demand(ours == theirs, "an answer about another authority's certificate")
    echoed = answer.extensions.get_extension_for_class(x509.OCSPNonce).value
    demand(echoed.nonce == nonce.nonce, "an answer to another question")
    check_responder(answer, issuer)
    now = datetime.now(timezone.utc)
    demand(now - SKEW - AGE <= answer.this_update_utc <= now + SKEW, "an answer of another time")
    demand(answer.next_update_utc is None or now - SKEW <= answer.next_update_utc, "an answer that is over")
    demand(answer.certificate_status == ocsp.OCSPCertStatus.GOOD, f"the certificate is {answer.certificate_status.name}")


def check_responder(answer, issuer):
    """RFC 6960, 4.2.2.2: the authority itself, or whom it has certified for that."""
    signer = issuer
    if answer.certificates:
        signer = answer.certificates[0]
        if signer != issuer:
            signer.verify_directly_issued_by(issuer)
            now = datetime.now(timezone.utc)
            demand(signer.not_valid_before_utc <= now <= signer.not_valid_after_utc, "the responder's certificate is not valid now")
            purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            demand(ExtendedKeyUsageOID.OCSP_SIGNING in purposes, "the responder may not answer for the authority")
    key, chosen = signer.public_key(), answer.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), chosen)
    else:
        key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(chosen))


def verify(key, algorithm, signature, signed):
    kind, bits = algorithm[:2], algorithm[2:]
    demand(kind in ("ES", "RS", "PS") and bits in HASHES, f"algorithm {algorithm}")
    chosen = HASHES[bits]
    if kind == "ES":
        demand(isinstance(key, ec.EllipticCurvePublicKey), "an algorithm of another kind than the key")
        half = (key.curve.key_size + 7) // 8
        demand(len(signature) == 2 * half, "the signature is not r || s")
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(chosen))
        return
    demand(isinstance(key, rsa.RSAPublicKey), "an algorithm of another kind than the key")
    scheme = padding.PKCS1v15() if kind == "RS" else padding.PSS(padding.MGF1(chosen), chosen.digest_size)
    key.verify(signature, signed, scheme, chosen)


def judge(token, origin, nonce, trusted, asks):
    demand(re.fullmatch(r"web-eid:1(\.\d+)?", token.get("format", "")), "format")
    extra = {"unverifiedSigningCertificates"} if token["format"] == "web-eid:1.1" else set()
    demand(set(token) == FIELDS | extra, f"fields: {sorted(token)}")
    demand(44 <= len(nonce) <= 128, "nonce")
    leaf = certificate(token["unverifiedCertificate"])
    check_certificate(leaf, trusted, "digital_signature")
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    demand(ExtendedKeyUsageOID.CLIENT_AUTH in purposes, "purpose: no clientAuth")
    if asks:
        ask_responder(leaf, trusted)
    digest = lambda text: hashlib.new("sha" + token["algorithm"][2:], text.encode()).digest()
    signature = base64.b64decode(token["signature"], validate=True)
    verify(leaf.public_key(), token["algorithm"], signature, digest(origin) + digest(nonce))
    for one in token.get("unverifiedSigningCertificates", []):
        demand(one["supportedSignatureAlgorithms"], "a signing certificate without algorithms")
        signing = certificate(one["certificate"])
        demand(signing.subject == leaf.subject and signing.issuer == leaf.issuer, "somebody else's signing certificate")
        check_certificate(signing, trusted, "content_commitment")
    return leaf.subject.rfc4514_string()


def main(arguments):
    asks = arguments[0] == "--ocsp"
    path, origin, nonce, *anchors = arguments[asks:]
    with open(path, encoding="utf-8") as file:
        token = json.load(file)
    trusted = [x509.load_pem_x509_certificate(open(anchor, "rb").read()) for anchor in anchors]
    try:
        print(judge(token, origin, nonce, trusted, asks))
    except (Invalid, InvalidSignature, x509.ExtensionNotFound, KeyError, TypeError, ValueError) as why:
        print(f"invalid: {type(why).__name__}: {why}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
