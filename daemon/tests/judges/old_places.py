#!/usr/bin/env python3
"""Puts SHA-1 into one place of a signature that is as today's are otherwise, by asn1crypto, lxml and OpenSSL.

old_places.py attribute KEY CERTIFICATE CONTENT OUT      CMS whose attribute names the certificate by SHA-1 (ESS, version 1)
old_places.py property KEY CERTIFICATE SIGNED OUT        XAdES with that in its property
old_places.py manifest KEY CERTIFICATE CONTAINER OUT     ASiC-E with CAdES whose manifest names the files so
old_places.py archive AUTHORITY CONTAINER OUT            the same of the manifest of its archive time-stamp
old_places.py stamp AUTHORITY SIGNED OUT                 CMS with a time-stamp whose imprint is a SHA-1
old_places.py revocation SIGNED OUT FILE...              CMS with these lists (.crl) and answers (.ocsp) in it

KEY and CERTIFICATE are PEM; AUTHORITY is the folder of an authority of `openssl ts`.
"""

import base64
import copy
import datetime
import hashlib
import pathlib
import subprocess
import sys
import urllib.parse
import zipfile

from asn1crypto import algos, cms, crl, ocsp, pem, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree
from pyhanko.sign.general import as_signing_certificate, as_signing_certificate_v2

DS = "http://www.w3.org/2000/09/xmldsig#"
NAMES = {"ds": DS, "xd": "http://uri.etsi.org/01903/v1.3.2#", "asic": "http://uri.etsi.org/02918/v1.2.1#"}


def by_key(key, octets):
    """RSA with SHA-256."""
    private = serialization.load_pem_private_key(pathlib.Path(key).read_bytes(), None)
    return private.sign(octets, padding.PKCS1v15(), hashes.SHA256())


def loaded(certificate):
    _, _, der = pem.unarmor(pathlib.Path(certificate).read_bytes())
    return x509.Certificate.load(der)


def signed_data(key, certificate, content, inside, names):
    """CMS over a content, with what names the certificate."""
    certificate = loaded(certificate)
    sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
    now = cms.Time({"utc_time": datetime.datetime.now(datetime.timezone.utc)})
    attributes = [
        ("content_type", "data"),
        ("message_digest", hashlib.sha256(content).digest()),
        ("signing_time", now),
        names(certificate),
    ]
    attributes = cms.CMSAttributes([cms.CMSAttribute({"type": name, "values": [value]}) for name, value in attributes])
    signer = {
        "version": "v1",
        "sid": {"issuer_and_serial_number": {"issuer": certificate.issuer, "serial_number": certificate.serial_number}},
        "digest_algorithm": sha256,
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
        "signature": by_key(key, attributes.dump()),
    }
    data = {
        "version": "v1",
        "digest_algorithms": [sha256],
        "encap_content_info": {"content_type": "data", **({"content": content} if inside else {})},
        "certificates": [cms.CertificateChoices({"certificate": certificate})],
        "signer_infos": [signer],
    }
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(data)}).dump()


def attribute(key, certificate, content, out):
    octets = pathlib.Path(content).read_bytes()
    first = lambda certificate: ("signing_certificate", as_signing_certificate(certificate))
    pathlib.Path(out).write_bytes(signed_data(key, certificate, octets, True, first))


def canonical(element):
    return etree.tostring(copy.deepcopy(element), method="c14n", exclusive=True)


def digest(place, octets, name):
    """Another digest in a place that has a method and a value."""
    uri = {"sha1": DS + "sha1", "sha256": "http://www.w3.org/2001/04/xmlenc#sha256"}[name]
    place.find("ds:DigestMethod", NAMES).set("Algorithm", uri)
    place.find("ds:DigestValue", NAMES).text = base64.b64encode(hashlib.new(name, octets).digest()).decode()


def in_property(key, certificate, signed, out):
    document = etree.parse(signed)
    signature = document.find(".//ds:Signature", NAMES)
    digest(signature.find(".//xd:CertDigest", NAMES), loaded(certificate).dump(), "sha1")
    properties = signature.find(".//xd:SignedProperties", NAMES)
    info = signature.find("ds:SignedInfo", NAMES)
    method = info.find("ds:CanonicalizationMethod", NAMES).get("Algorithm")
    assert method == "http://www.w3.org/2001/10/xml-exc-c14n#", method
    for reference in info.iterfind("ds:Reference", NAMES):
        if reference.get("URI") == "#" + properties.get("Id"):
            digest(reference, canonical(properties), "sha256")
    signature.find("ds:SignatureValue", NAMES).text = base64.b64encode(by_key(key, canonical(info))).decode()
    document.write(out, encoding="UTF-8", xml_declaration=True)


def read(container):
    with zipfile.ZipFile(container) as old:
        return {name: old.read(name) for name in old.namelist()}


def pack(files, out):
    with zipfile.ZipFile(out, "w") as new:
        for name, octets in files.items():
            new.writestr(name, octets)


def by_sha1(manifest, files):
    """A manifest that names its files by SHA-1, and the file that signs or stamps it."""
    tree = etree.fromstring(manifest)
    for reference in tree.iterfind("asic:DataObjectReference", NAMES):
        digest(reference, files[urllib.parse.unquote(reference.get("URI"))], "sha1")
    return etree.tostring(tree), tree.find("asic:SigReference", NAMES).get("URI")


def manifest(key, certificate, container, out):
    files = read(container)
    name = "META-INF/ASiCManifest001.xml"
    files[name], signature = by_sha1(files[name], files)
    second = lambda certificate: ("signing_certificate_v2", as_signing_certificate_v2(certificate))
    files[signature] = signed_data(key, certificate, files[name], False, second)
    pack(files, out)


def stamped(authority, octets, name):
    """A time-stamp of octets, by OpenSSL."""
    folder = pathlib.Path(authority)
    config = (folder / "tsa.cnf").read_text().replace("digests = ", "digests = sha1,")
    (folder / "old.cnf").write_text(config)
    (folder / "old.data").write_bytes(octets)
    for words in (
        f"ts -query -data old.data -{name} -cert -out old.tsq",
        "ts -reply -config old.cnf -queryfile old.tsq -token_out -out old.tst",
    ):
        subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
    return (folder / "old.tst").read_bytes()


def archive(authority, container, out):
    files = read(container)
    name = "META-INF/ASiCArchiveManifest.xml"
    files[name], token = by_sha1(files[name], files)
    files[token] = stamped(authority, files[name], "sha256")
    pack(files, out)


def stamp(authority, signed, out):
    info = cms.ContentInfo.load(pathlib.Path(signed).read_bytes())
    [signer] = info["content"]["signer_infos"]
    token = cms.ContentInfo.load(stamped(authority, signer["signature"].native, "sha1"))
    kind = {"type": "signature_time_stamp_token", "values": [token]}
    signer["unsigned_attrs"] = cms.CMSAttributes([cms.CMSAttribute(kind)])
    pathlib.Path(out).write_bytes(info.dump())


def revocation(signed, out, *known):
    info = cms.ContentInfo.load(pathlib.Path(signed).read_bytes())
    choices = []
    for file in map(pathlib.Path, known):
        if file.suffix == ".crl":
            choices.append(cms.RevocationInfoChoice("crl", crl.CertificateList.load(file.read_bytes())))
        else:
            answer = ocsp.OCSPResponse.load(file.read_bytes())
            other = cms.OtherRevocationInfoFormat({"other_rev_info_format": "ocsp_response", "other_rev_info": answer})
            choices.append(cms.RevocationInfoChoice("other", other))
    info["content"]["crls"] = cms.RevocationInfoChoices(choices)
    pathlib.Path(out).write_bytes(info.dump())


KINDS = {
    "attribute": attribute,
    "property": in_property,
    "manifest": manifest,
    "archive": archive,
    "stamp": stamp,
    "revocation": revocation,
}
KINDS[sys.argv[1]](*sys.argv[2:])
