#!/usr/bin/env python3
"""Signs anew, with RSA and SHA-1 throughout, what a signature of an Office document signs: as Office 2007 and 2010 did.

usage: old_office.py SIGNED KEY OUT, where KEY (PEM) belongs to the certificate in SIGNED. All digests (of parts, of
relationships, of the signature's own objects, of the certificate) are computed here, by lxml and hashlib.
"""
import base64
import copy
import hashlib
import sys
import urllib.parse
import zipfile

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"
MDSSI = "http://schemas.openxmlformats.org/package/2006/digital-signature"
RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
NAMES = {"ds": DS, "m": MDSSI, "r": RELATIONSHIPS, "xd": "http://uri.etsi.org/01903/v1.3.2#"}


def canonical(element):
    """By itself: lxml loses the default namespace of what it takes out of the middle of a document."""
    return etree.tostring(copy.deepcopy(element), method="c14n")


def selected(relationships, transform):
    """ECMA-376-2, 13.2.4.24: those that are named, in the order of their Ids, each with its TargetMode."""
    ids = set(transform.xpath("m:RelationshipReference/@SourceId", namespaces=NAMES))
    kinds = set(transform.xpath("m:RelationshipsGroupReference/@SourceType", namespaces=NAMES))
    found = etree.fromstring(relationships).xpath("r:Relationship", namespaces=NAMES)
    found = [one for one in found if one.get("Id") in ids or one.get("Type") in kinds]
    result = etree.Element(f"{{{RELATIONSHIPS}}}Relationships", nsmap={None: RELATIONSHIPS})
    for one in sorted(found, key=lambda one: one.get("Id")):
        one.set("TargetMode", one.get("TargetMode", "Internal"))
        one.tail = None
        result.append(one)
    return canonical(result)


def digest(place, octets):
    place.find("ds:DigestMethod", NAMES).set("Algorithm", DS + "sha1")
    place.find("ds:DigestValue", NAMES).text = base64.b64encode(hashlib.sha1(octets).digest()).decode()


def main(signed, key, out):
    with zipfile.ZipFile(signed) as package:
        files = {name: package.read(name) for name in package.namelist()}
    name = next(name for name in files if name.startswith("_xmlsignatures/") and name.endswith(".xml"))
    signature = etree.fromstring(files[name])
    certificate = base64.b64decode(signature.findtext(".//ds:X509Certificate", None, NAMES))
    for place in signature.iterfind(".//xd:CertDigest", NAMES):
        digest(place, certificate)
    for reference in signature.iterfind(".//ds:Manifest/ds:Reference", NAMES):
        part = files[urllib.parse.unquote(reference.get("URI").partition("?")[0]).lstrip("/")]
        transform = reference.find("ds:Transforms/ds:Transform", NAMES)
        digest(reference, part if transform is None else selected(part, transform))
    info = signature.find("ds:SignedInfo", NAMES)
    for reference in info.iterfind("ds:Reference", NAMES):
        [element] = signature.xpath("//*[@Id = $id]", id=reference.get("URI").lstrip("#"))
        digest(reference, canonical(element))
    info.find("ds:SignatureMethod", NAMES).set("Algorithm", DS + "rsa-sha1")
    with open(key, "rb") as pem:
        private = serialization.load_pem_private_key(pem.read(), None)
    value = private.sign(canonical(info), padding.PKCS1v15(), hashes.SHA1())
    signature.find("ds:SignatureValue", NAMES).text = base64.b64encode(value).decode()
    files[name] = etree.tostring(signature, xml_declaration=True, encoding="UTF-8", standalone=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in files.items():
            package.writestr(name, data)


main(*sys.argv[1:])
