#!/usr/bin/env python3
"""What the time-stamps of XAdES signatures are about, put together anew by lxml (EN 319 132-1, 5.2.8, 5.3, 5.5.2.2, A.1.5).

    stamps.py FILE... [--into FOLDER]

FILE is an XML document, with what is detached from X.xml in the folder X.beside, or a container (ASiC, Office) with
such documents. Prints lines of file, kind and verdict, for
each signature first the time-stamps of its content, then those of the signature, of references and of the archive:

    right    the imprint is that of what lxml's canonical form gives
    wrong    it is that of something else
    unknown  what was signed is not at hand

With --into, what the N-th line is about is written to FOLDER/N.data, and its token to FOLDER/N.tst: for
`openssl ts -verify`.
"""

import argparse
import base64
import copy
import hashlib
import pathlib
import urllib.parse
import zipfile

from asn1crypto import cms, tsp
from lxml import etree

DS = "{http://www.w3.org/2000/09/xmldsig#}"
XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
XADES_141 = "{http://uri.etsi.org/01903/v1.4.1#}"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
COMMENTS = "WithComments"
CANONICAL = {INCLUSIVE, "http://www.w3.org/2006/12/xml-c14n11", EXCLUSIVE}
IDS = ("Id", "ID", "id")
KINDS = {
    f"{XADES}AllDataObjectsTimeStamp": "content",
    f"{XADES}IndividualDataObjectsTimeStamp": "content",
    f"{XADES}SignatureTimeStamp": "signature",
    f"{XADES}SigAndRefsTimeStamp": "signature_and_references",
    f"{XADES_141}SigAndRefsTimeStampV2": "signature_and_references",
    f"{XADES}RefsOnlyTimeStamp": "references",
    f"{XADES_141}RefsOnlyTimeStampV2": "references",
    f"{XADES}ArchiveTimeStamp": "archive",
    f"{XADES_141}ArchiveTimeStamp": "archive",
}
ORDER = ["content", "signature", "references", "archive"]
# What a time-stamp over references takes, of those that stand before it.
REVOCATION = {f"{XADES}CompleteRevocationRefs", f"{XADES}AttributeRevocationRefs"}
FIRST = {f"{XADES}CompleteCertificateRefs", f"{XADES}AttributeCertificateRefs"} | REVOCATION
SECOND = {f"{XADES_141}CompleteCertificateRefsV2", f"{XADES_141}AttributeCertificateRefsV2"} | REVOCATION


class NotAtHand(Exception):
    """What was signed is not there, or a transform is none of those known here."""


def parse(data):
    """A tree of bytes."""
    return etree.fromstring(data, etree.XMLParser(huge_tree=True, resolve_entities=False)).getroottree()


def canonical(node, method, prefixes=None):
    """The canonical form of a tree or of an element, with the namespaces it stands in."""
    plain = method.removesuffix(COMMENTS).removesuffix("#") + ("#" if method.startswith(EXCLUSIVE) else "")
    if plain not in CANONICAL:
        raise NotAtHand(method)
    if etree.iselement(node):
        # lxml forgets what an inclusive form takes from above, unless it stands in the text itself.
        node = parse(etree.tostring(node, with_tail=False, encoding="UTF-8"))
    exclusive = plain == EXCLUSIVE
    return etree.tostring(
        node,
        method="c14n",
        exclusive=exclusive,
        with_comments=method.endswith(COMMENTS),
        inclusive_ns_prefixes=prefixes if exclusive else None,
    )


def by_method(element, default):
    """The CanonicalizationMethod or Transform of an element: its URI, and the prefixes it names."""
    if element is None:
        return default, None
    names = element.find(f"{EXCLUSIVE.join('{}')}InclusiveNamespaces")
    return element.get("Algorithm"), names.get("PrefixList", "").split() if names is not None else None


def without(tree, signature):
    """The tree anew, without this signature."""
    place = list(tree.iter(f"{DS}Signature")).index(signature)
    copied = copy.deepcopy(tree)
    gone = list(copied.iter(f"{DS}Signature"))[place]
    parent, before = gone.getparent(), gone.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (gone.tail or "")
    else:
        parent.text = (parent.text or "") + (gone.tail or "")
    parent.remove(gone)
    return copied


def target(tree, uri, beside):
    """What a reference points to."""
    if not uri:
        return tree
    if not uri.startswith("#"):
        try:
            return beside[urllib.parse.unquote(uri)]
        except KeyError:
            raise NotAtHand(uri) from None
    found = [element for element in tree.iter(etree.Element) if any(element.get(name) == uri[1:] for name in IDS)]
    if len(found) != 1:
        raise NotAtHand(uri)
    return found[0]


def referenced(tree, signature, reference, beside, form):
    """What a reference gives; where that is nodes, in the canonical form of the time-stamp."""
    uri = reference.get("URI")
    transforms = reference.findall(f"{DS}Transforms/{DS}Transform")
    names = [transform.get("Algorithm") for transform in transforms]
    if f"{DS[1:-1]}enveloped-signature" in names:
        tree = without(tree, signature)
    data = target(tree, uri, beside)
    for transform, name in zip(transforms, names):
        if name == f"{DS[1:-1]}enveloped-signature":
            continue
        if name == f"{DS[1:-1]}base64":
            data = base64.b64decode("".join(data.itertext()))
        else:
            data = canonical(parse(data) if isinstance(data, bytes) else data, *by_method(transform, None))
    return data if isinstance(data, bytes) else canonical(data, *form)


def contents(tree, signature, stamp, beside, form):
    """What a time-stamp of the content is about."""
    references = signature.findall(f"{DS}SignedInfo/{DS}Reference")
    if stamp.tag == f"{XADES}IndividualDataObjectsTimeStamp":
        named = [include.get("URI")[1:] for include in stamp.findall(f"{XADES}Include")]
        references = [next(one for one in references if one.get("Id") == name) for name in named]
    for reference in references:
        uri = reference.get("URI")
        to = target(tree, uri, beside) if uri and uri.startswith("#") else None
        if getattr(to, "tag", None) != f"{XADES}SignedProperties":
            yield referenced(tree, signature, reference, beside, form)


def listed(tree, signature, stamp, form):
    """What a time-stamp over references is about."""
    names = SECOND if stamp.tag.endswith("V2") else FIRST
    elements = []
    if "SigAndRefs" in stamp.tag:
        names = names | {f"{XADES}SignatureTimeStamp"}
        elements.append(signature.find(f"{DS}SignatureValue"))
    included = [include.get("URI") for include in stamp.findall(f"{XADES}Include")]
    if included:
        elements = [target(tree, uri, {}) for uri in included]
    else:
        before = reversed(list(stamp.itersiblings(etree.Element, preceding=True)))
        elements += [each for each in before if each.tag in names]
    yield from (canonical(element, *form) for element in elements)


def archived(tree, signature, stamp, beside, form):
    """What an archive time-stamp is about."""
    signed_info = signature.find(f"{DS}SignedInfo")
    yield from (
        referenced(tree, signature, reference, beside, form) for reference in signed_info.findall(f"{DS}Reference")
    )
    elements = [signed_info, signature.find(f"{DS}SignatureValue"), *signature.findall(f"{DS}KeyInfo")]
    elements += reversed(list(stamp.itersiblings(etree.Element, preceding=True)))
    objects = [each for each in signature.findall(f"{DS}Object") if each.find(f"{XADES}QualifyingProperties") is None]
    if stamp.tag.startswith(XADES):
        signed = {reference.get("URI") for reference in signed_info.findall(f"{DS}Reference")}
        objects = [each for each in objects if f"#{each.get('Id')}" not in signed]
    elements += objects
    yield from (canonical(element, *form) for element in elements)


def stamps(data, beside):
    """Kind, token and data (None where it is not at hand) of every time-stamp of a document."""
    tree = parse(data)
    for signature in tree.iter(f"{DS}Signature"):
        qualifying = f"{DS}Object/{XADES}QualifyingProperties"
        found = []
        for names in ("SignedProperties SignedDataObjectProperties", "UnsignedProperties UnsignedSignatureProperties"):
            outer, inner = names.split()
            place = signature.find(f"{qualifying}/{XADES}{outer}/{XADES}{inner}")
            found += [stamp for stamp in ([] if place is None else place) if stamp.tag in KINDS]
        for stamp in sorted(found, key=lambda stamp: ORDER.index(KINDS[stamp.tag].split("_")[-1])):
            form = by_method(stamp.find(f"{DS}CanonicalizationMethod"), INCLUSIVE)
            try:
                if KINDS[stamp.tag] == "signature":
                    about = canonical(signature.find(f"{DS}SignatureValue"), *form)
                elif KINDS[stamp.tag] == "content":
                    about = b"".join(contents(tree, signature, stamp, beside, form))
                elif KINDS[stamp.tag] == "archive":
                    about = b"".join(archived(tree, signature, stamp, beside, form))
                else:
                    about = b"".join(listed(tree, signature, stamp, form))
            except NotAtHand:
                about = None
            for token in stamp.findall(f"{XADES}EncapsulatedTimeStamp"):
                yield KINDS[stamp.tag], base64.b64decode(token.text), about


def documents(path):
    """The documents of a file, each with what lies beside it."""
    if not zipfile.is_zipfile(path):
        beside = path.with_suffix(".beside")
        files = {file.name: file.read_bytes() for file in (beside.iterdir() if beside.is_dir() else ())}
        return [(path.read_bytes(), files)]
    with zipfile.ZipFile(path) as container:
        files = {name: container.read(name) for name in container.namelist()}
    signed = [name for name in files if name.startswith(("META-INF/", "_xmlsignatures/")) and name.endswith(".xml")]
    return [(files[name], files) for name in signed]


def imprint(token):
    """Algorithm and digest of a token."""
    content = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"]
    info = tsp.TSTInfo.load(bytes(content))
    said = info["message_imprint"]
    return said["hash_algorithm"]["algorithm"].native, said["hashed_message"].native


def main():
    """Reads the arguments, prints the lines."""
    parser = argparse.ArgumentParser(description="What the time-stamps of XAdES signatures are about, by lxml.")
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--into", type=pathlib.Path)
    options = parser.parse_args()
    lines = 0
    for path in options.files:
        for data, beside in documents(path):
            for kind, token, about in stamps(data, beside):
                verdict = "unknown"
                if about is not None:
                    name, digest = imprint(token)
                    verdict = "right" if hashlib.new(name, about).digest() == digest else "wrong"
                    if options.into:
                        (options.into / f"{lines}.data").write_bytes(about)
                        (options.into / f"{lines}.tst").write_bytes(token)
                print(path.name, kind, verdict, sep="\t")
                lines += 1


if __name__ == "__main__":
    main()
