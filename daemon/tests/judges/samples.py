#!/usr/bin/env python3
"""What other programs say of the signed samples of testdata/documents/samples.py.

    samples.py FOLDER

Prints lines of judge, sample and verdict, for the first signature of each file, and of a PDF for each (`NAME#2` is its
second one):

    intact    what was signed is what is there, and the signature is the key's
    changed   intact, but something was changed later that must not be
    broken    it is not
    refused   the judge does not come to that: it cannot read it, or does not accept an algorithm or a form

Judges: pyHanko for PDF; xmlsec1 and signxml for XML; OpenSSL for CMS. None is asked whom the certificates lead to. Keys
that are no public ones (HMAC) are given to nobody.
"""

import base64
import concurrent.futures
import logging
import pathlib
import subprocess
import sys
import warnings

import signxml as package
from cryptography import x509
from lxml import etree
from pades import describe
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko_certvalidator import ValidationContext
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier

SECONDS = 60


def pyhanko(path):
    """The signatures of a PDF, as they stand in the file."""
    context = lambda: ValidationContext(trust_roots=[], allow_fetching=False)
    try:
        with open(path, "rb") as file:
            signatures = PdfFileReader(file, strict=False).embedded_regular_signatures
            return [by_pyhanko(signature, context) for signature in signatures] or ["refused"]
    except Exception:  # pylint: disable=broad-except
        return ["refused"]


def by_pyhanko(signature, context):
    """Its verdict on one of them."""
    try:
        said = describe(signature, context)
    except Exception:  # pylint: disable=broad-except
        return "refused"
    if not (said["intact"] and said["valid"]):
        return "broken"
    return "intact" if said["changes_allowed"] and said["modification"] != "OTHER" else "changed"


IDS = ("Id", "ID", "id", "AssertionID")
DS = "{http://www.w3.org/2000/09/xmldsig#}"


def xmlsec1(path, trusting=("--insecure",)):
    """`xmlsec1 --verify`, trusting whatever certificate is inside. It has to be told which attributes are Ids."""
    command = ["xmlsec1", "--verify", *trusting]
    try:
        root = etree.parse(path).getroot()
        for reference in root.find(f".//{DS}SignedInfo").findall(f"{DS}Reference"):
            name = reference.get("URI", "").removeprefix("#")
            for element in root.iter(etree.Element):
                for attribute in map(etree.QName, element.attrib):
                    if name and element.get(attribute) == name and attribute.localname in IDS:
                        tag = etree.QName(element)
                        known = f"{tag.namespace}:{tag.localname}" if tag.namespace else tag.localname
                        command += [f"--id-attr:{attribute.localname}", known]
    except (etree.XMLSyntaxError, AttributeError):
        pass  # It will say so itself.
    done = subprocess.run([*command, path], capture_output=True, timeout=SECONDS, check=False)
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    return "intact" if "OK" in lines else "broken" if "FAIL" in lines else "refused"


def signxml(path):
    """signxml, with each certificate that is inside, at a time when that was valid; with the key alone if there is none."""
    data = pathlib.Path(path).read_bytes()
    try:
        root = etree.fromstring(data)
        signed = root.find(f".//{DS}SignedInfo")
        inside = ["".join(each.text.split()) for each in signed.getparent().findall(f".//{DS}X509Certificate")]
        references = len(signed.findall(f"{DS}Reference"))
    except (etree.XMLSyntaxError, AttributeError):
        return "refused"
    verdicts = {by_signxml(data, certificate, references) for certificate in inside or [None]}
    return next(word for word in ("intact", "broken", "refused") if word in verdicts)


def options_of_signxml(certified, references):
    """What it accepts: every algorithm that it knows."""
    return {
        "require_x509": certified,
        "expect_references": references,
        "signature_methods": frozenset(package.SignatureMethod),
        "digest_algorithms": frozenset(package.DigestAlgorithm),
    }


def by_signxml(data, certificate, references):
    """Its verdict with one certificate."""
    options = options_of_signxml(certificate is not None, references)
    xades = b"QualifyingProperties" in data
    try:
        if certificate:
            known = x509.load_der_x509_certificate(base64.b64decode(certificate))
            half = (known.not_valid_after_utc - known.not_valid_before_utc) / 2
            options["verification_time"] = known.not_valid_before_utc + half
        verifier = XAdESVerifier() if xades else package.XMLVerifier()
        # As its own tests of these samples have it: lxml writes declarations that canonical forms do not have.
        verifier.excise_empty_xmlns_declarations = True
        configuration = (XAdESSignatureConfiguration if xades else package.SignatureConfiguration)(**options)
        verifier.verify(data, expect_config=configuration, validate_schema=False, x509_cert=certificate)
        return "intact"
    except package.InvalidCertificate:
        return "refused"
    except (package.InvalidDigest, package.InvalidSignature):
        return "broken"
    except Exception:  # pylint: disable=broad-except
        return "refused"


def openssl(path):
    """`openssl cms -verify` without looking at certificates."""
    command = ["openssl", "cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", path, "-out", "/dev/null"]
    command += ["-content", str(pathlib.Path(path).with_suffix(".content"))]
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    if done.returncode == 0:
        return "intact"
    return "broken" if b"digest" in done.stderr or b"signature failure" in done.stderr else "refused"


JUDGES = {"pdf": [pyhanko], "xml": [xmlsec1, signxml], "p7s": [openssl]}


def start():
    """In each process."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def judged(path):
    """Lines for one file."""
    name, lines = pathlib.Path(path).name, []
    for judge in JUDGES[path.rsplit(".", 1)[1]]:
        said = judge(path)
        for place, verdict in enumerate([said] if isinstance(said, str) else said):
            lines.append(f"{judge.__name__}\t{name}{f'#{place + 1}' if place else ''}\t{verdict}")
    return lines


def main():
    """Reads the folder, prints the lines."""
    folder = pathlib.Path(sys.argv[1])
    files = sorted(str(path) for path in folder.rglob("*") if path.suffix[1:] in JUDGES)
    with concurrent.futures.ProcessPoolExecutor(2, initializer=start) as pool:
        for lines in pool.map(judged, files, chunksize=8):
            print("\n".join(lines))


if __name__ == "__main__":
    main()
