#!/usr/bin/env python3
"""Whom the signed samples of testdata/documents/samples.py lead to, by other programs.

    trusted.py FOLDER

The anchors are the certificates in FOLDER/trust. Prints lines of judge, sample, time and verdict:

    trusted     the signature is right, and its signer leads to an anchor at that time
    untrusted   it is right, and he does not
    neither     the judge does not come to that, which samples.py is about

A PDF has a line for each signature and document time-stamp (`NAME#2` is the second), and one of the judge
`pyhanko-stamp` for the time-stamp that a signature carries. The time is the last at which all certificates in the
sample are valid, or else the last of the signer's; revocations count for CMS, whose messages have lists inside.
"""

import base64
import concurrent.futures
import datetime
import pathlib
import subprocess
import sys
import tempfile

import samples
import signxml as package
from asn1crypto import cms
from cryptography import x509
from lxml import etree
from pades import read_certificates
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier

DAY = datetime.timedelta(days=1)
ROOTS = {}


def moment(certificates):
    """The last day on which all of them are valid, in the past; of the first, if there is none."""
    def of(some):
        last = min(min(one.not_valid_after_utc for one in some) - DAY, ROOTS["now"])
        return last if last >= max(one.not_valid_before_utc for one in some) else None

    return of(certificates) or of(certificates[:1]) or ROOTS["now"]


def word(right, trusted):
    """The verdict."""
    return "trusted" if right and trusted else "untrusted" if right else "neither"


def pyhanko(path):
    """Each signature and document time-stamp of a PDF, as they stand in the file."""
    lines = []
    try:
        with open(path, "rb") as file:
            for signature in PdfFileReader(file, strict=False).embedded_signatures:
                lines.append(by_pyhanko(signature))
    except Exception:  # pylint: disable=broad-except
        pass
    return lines


def by_pyhanko(signature):
    """Its verdicts on one of them: judge, time and verdict."""
    try:
        inside = [signature.signer_cert, *signature.other_embedded_certs]
        at = moment([x509.load_der_x509_certificate(one.dump()) for one in inside])
        context = lambda: ValidationContext(
            trust_roots=ROOTS["asn1"], allow_fetching=False, revocation_mode="soft-fail", moment=at, best_signature_time=at
        )
        if signature.sig_object_type == "/DocTimeStamp":
            status = validate_pdf_timestamp(signature, validation_context=context())
            return [("pyhanko", at, word(status.intact and status.valid, status.trusted))]
        status = validate_pdf_signature(signature, signer_validation_context=context(), ts_validation_context=context())
        lines = [("pyhanko", at, word(status.intact and status.valid, status.trusted))]
        stamp = status.timestamp_validity
        if stamp is not None:
            lines.append(("pyhanko-stamp", at, word(stamp.intact and stamp.valid, stamp.trusted)))
        return lines
    except Exception:  # pylint: disable=broad-except
        return [("pyhanko", ROOTS["now"], "neither")]


def in_xml(path):
    """The certificates of the first signature of an XML document, as far as they can be read."""
    found = []
    try:
        signed = etree.parse(path).getroot().find(f".//{samples.DS}SignedInfo")
        for element in signed.getparent().findall(f"./{samples.DS}KeyInfo//{samples.DS}X509Certificate"):
            found.append(x509.load_der_x509_certificate(base64.b64decode("".join(element.text.split()))))
    except (etree.XMLSyntaxError, AttributeError, ValueError):
        pass
    return found


def xmlsec1(path):
    """`xmlsec1 --verify` with a key out of a certificate that leads to an anchor, and none other."""
    inside = in_xml(path)
    if not inside or samples.xmlsec1(path) != "intact":
        return [[("xmlsec1", ROOTS["now"], "neither")]]
    at = moment(inside)
    more = ["--enabled-key-data", "x509", "--verification-time", at.strftime("%Y-%m-%d %H:%M:%S")]
    for root in ROOTS["files"]:
        more += ["--trusted-pem", root]
    return [[("xmlsec1", at, word(True, samples.xmlsec1(path, more) == "intact"))]]


def signxml(path):
    """signxml with the chain in the signature."""
    data, inside = pathlib.Path(path).read_bytes(), in_xml(path)
    if not inside or samples.signxml(path) != "intact":
        return [[("signxml", ROOTS["now"], "neither")]]
    at = moment(inside)
    references = len(etree.fromstring(data).find(f".//{samples.DS}SignedInfo").findall(f"{samples.DS}Reference"))
    xades = b"QualifyingProperties" in data
    options = samples.options_of_signxml(True, references) | {"verification_time": at}
    verifier = XAdESVerifier() if xades else package.XMLVerifier()
    verifier.excise_empty_xmlns_declarations = True
    configuration = (XAdESSignatureConfiguration if xades else package.SignatureConfiguration)(**options)
    try:
        verifier.verify(data, expect_config=configuration, validate_schema=False, ca_pem_file=ROOTS["bundle"])
        return [[("signxml", at, "trusted")]]
    except package.InvalidCertificate:
        return [[("signxml", at, "untrusted")]]
    except Exception:  # pylint: disable=broad-except
        return [[("signxml", at, "neither")]]


def openssl(path):
    """`openssl cms -verify` with the anchors, and the lists that are in the message."""
    if samples.openssl(path) != "intact":
        return [[("openssl", ROOTS["now"], "neither")]]
    signed = cms.ContentInfo.load(pathlib.Path(path).read_bytes())["content"]
    inside = []
    for one in signed["certificates"]:
        try:
            inside.append(x509.load_der_x509_certificate(one.chosen.dump()))
        except ValueError:
            pass
    at = min(moment(inside), ROOTS["now"])
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", path, "-out", "/dev/null"]
    command += ["-content", str(pathlib.Path(path).with_suffix(".content")), "-CAfile", ROOTS["bundle"], "-purpose", "any"]
    command += ["-no-CApath", "-no-CAstore", "-crl_check_all", "-extended_crl", "-use_deltas", "-policy", "anyPolicy"]
    command += ["-attime", str(int(at.timestamp()))]
    done = subprocess.run(command, capture_output=True, timeout=samples.SECONDS, check=False)
    return [[("openssl", at, word(True, done.returncode == 0))]]


JUDGES = {"pdf": [pyhanko], "xml": [xmlsec1, signxml], "p7s": [openssl]}


def start(folder, now, bundle):
    """In each process."""
    samples.start()
    files = sorted(str(path) for path in (folder / "trust").glob("*.pem"))
    ROOTS.update(now=now, files=files, asn1=read_certificates(files), bundle=bundle)


def judged(path):
    """Lines for one file."""
    name, lines = pathlib.Path(path).name, []
    for judge in JUDGES[path.rsplit(".", 1)[1]]:
        for place, said in enumerate(judge(path)):
            for who, at, verdict in said:
                time = at.strftime("%Y-%m-%dT%H:%M:%SZ")
                lines.append(f"{who}\t{name}{f'#{place + 1}' if place else ''}\t{time}\t{verdict}")
    return lines


def main():
    """Reads the folder, prints the lines."""
    folder = pathlib.Path(sys.argv[1])
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    roots = sorted((folder / "trust").glob("*.pem"))
    files = sorted(str(path) for path in folder.rglob("*") if path.suffix[1:] in JUDGES)
    with tempfile.NamedTemporaryFile() as bundle:
        bundle.write(b"".join(path.read_bytes() for path in roots))
        bundle.flush()
        told = (folder, now, bundle.name)
        with concurrent.futures.ProcessPoolExecutor(2, initializer=start, initargs=told) as pool:
            for lines in pool.map(judged, files, chunksize=8):
                if lines:
                    print("\n".join(lines))


if __name__ == "__main__":
    main()
