"""pyasice, which makes and checks ASiC-E containers with XAdES.

asice.py make CERTIFICATE KEY OUT NAME=FILE...   a container with these files, signed with a key (PEM)
asice.py verify CONTAINER                        says whose signatures it accepts; fails if it accepts one not
"""

import base64
import hashlib
import re
import sys
import urllib.parse

# Its oscrypto takes no release of OpenSSL from 3.0.10 on for one, by the two digits at the end.
search, version = re.search, r"\b(\d\.\d\.\d[a-z]*)\b"
re.search = lambda pattern, *text: search(r"\b(\d\.\d\.\d+)\b" if pattern == version else pattern, *text)
from pyasice import Container  # noqa: E402

re.search = search

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils  # noqa: E402
from cryptography.x509 import load_der_x509_certificate  # noqa: E402


def made(certificate, key, out, *named):
    """As its own documentation has it, the key's part by cryptography."""
    key = serialization.load_pem_private_key(open(key, "rb").read(), None)
    container = Container()
    for name, file in (one.split("=", 1) for one in named):
        container.add_file(name, open(file, "rb").read(), "text/plain")
    signature = container.prepare_signature(open(certificate, "rb").read())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(signature.signed_data(), ec.ECDSA(hashes.SHA256())))
        value = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        value = key.sign(signature.signed_data(), padding.PKCS1v15(), hashes.SHA256())
    container.add_signature(signature.set_signature_value(value).remove_timestamp_node())
    container.save(out)


def checked(path):
    """Its own checks, and the digests of the files, which it leaves to its callers."""
    container = Container.open(path)
    container.verify_container()
    container.verify_signatures()
    for signature in container.iter_signatures():
        for reference in signature.xml.iterfind(".//{*}SignedInfo/{*}Reference"):
            # It writes names as they are where a URI has them escaped.
            name = urllib.parse.unquote(reference.get("URI"))
            if not name.startswith("#"):
                with container.open_file(name) as file:
                    digest = hashlib.sha256(file.read()).digest()
                assert base64.b64decode(reference.findtext("{*}DigestValue")) == digest, name
        certificate = load_der_x509_certificate(signature.get_certificate_value())
        print(certificate.subject.rfc4514_string())


{"make": made, "verify": checked}[sys.argv[1]](*sys.argv[2:])
