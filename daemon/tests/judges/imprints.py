#!/usr/bin/env python3
"""What the time-stamps of CAdES and PAdES signatures are about, put together anew by asn1crypto and pyHanko
(EN 319 122-1, 5.3, 5.5.2 and 5.5.3; EN 319 142-1, 5.4.3).

    imprints.py FILE --into FOLDER [--content CONTENT]

FILE is CMS in DER, with what is detached in CONTENT, or a PDF. Prints a line for each time-stamp, file and kind: of
CMS first `signature`, then `archive`, for each signer; of a PDF the same for each signature, and `document`. What the N-th
line is about is written to FOLDER/N.data, and its token to FOLDER/N.tst: for `openssl ts -verify`.

Of an archive time-stamp the index of hashes is put together anew as well, and all of what the message holds has to
stand in it.
"""

import argparse
import hashlib
import io
import pathlib

from asn1crypto import algos, cms, core, tsp
from pyhanko.pdf_utils.reader import PdfFileReader

SIGNATURE = "1.2.840.113549.1.9.16.2.14"
ARCHIVE_V3 = "0.4.0.1733.2.4"
HASH_INDEX_V3 = "0.4.0.19122.1.5"


class Octets(core.SequenceOf):
    """Hashes."""

    _child_spec = core.OctetString


class HashIndex(core.Sequence):
    """`ATSHashIndexV3` (EN 319 122-1, 5.5.2)."""

    _fields = [
        ("algorithm", algos.DigestAlgorithm),
        ("certificates", Octets),
        ("crls", Octets),
        ("unsigned", Octets),
    ]


def of(attributes, wanted):
    """The values of the attributes of one type."""
    return [value for attribute in attributes if attribute["type"].dotted == wanted for value in attribute["values"]]


def attributes_of(signer):
    """The unsigned attributes of a signer, or none."""
    found = signer["unsigned_attrs"]
    return found if isinstance(found, cms.CMSAttributes) else []


def index_of(token):
    """The index in a token's own signature."""
    values = of(attributes_of(token["content"]["signer_infos"][0]), HASH_INDEX_V3)
    assert len(values) == 1, f"{len(values)} indices"
    return values[0].dump()


def check_index(index, signed, signer, covered):
    """That all there was when it was made stands in the index: `covered` are the attributes before the time-stamp."""
    parsed = HashIndex.load(index)
    name = parsed["algorithm"]["algorithm"].native

    def hashes(parts):
        return sorted(hashlib.new(name, part).digest() for part in parts)

    attributes = [
        attribute["type"].dump() + value.dump() for attribute in covered for value in attribute["values"]
    ]
    for what, parts in [
        ("certificates", [one.dump() for one in signed["certificates"]]),
        ("crls", [one.dump() for one in signed["crls"] or []]),
        ("unsigned", attributes),
    ]:
        there = sorted(one.native for one in parsed[what])
        assert there == hashes(parts), f"{what} of the index"


def stamps_of(message, content):
    """Kind, what it is about, and the token, of each time-stamp in a message."""
    signed = cms.ContentInfo.load(message)["content"]
    kind = signed["encap_content_info"]["content_type"]
    if content is None:
        content = signed["encap_content_info"]["content"].native
    for signer in signed["signer_infos"]:
        attributes = list(attributes_of(signer))
        for token in of(attributes, SIGNATURE):
            yield "signature", signer["signature"].native, token.dump()
        for number, attribute in enumerate(attributes):
            if attribute["type"].dotted != ARCHIVE_V3:
                continue
            for token in attribute["values"]:
                token = cms.ContentInfo.load(token.dump())
                index = index_of(token)
                check_index(index, signed, signer, attributes[:number])
                told = token["content"]["encap_content_info"]["content"]
                digest = told.parse(tsp.TSTInfo)["message_imprint"]
                hashed = hashlib.new(digest["hash_algorithm"]["algorithm"].native, content).digest()
                fields = ["version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature"]
                about = kind.dump() + hashed + b"".join(signer[field].dump() for field in fields) + index
                yield "archive", about, token.dump()


def stamps_of_pdf(data):
    """The same for a PDF."""
    reader = PdfFileReader(io.BytesIO(data))
    for embedded in reader.embedded_signatures:
        start, length, after, rest = (int(number) for number in embedded.byte_range)
        covered = data[start : start + length] + data[after : after + rest]
        message = bytes(embedded.pkcs7_content)
        if embedded.sig_object_type == "/DocTimeStamp":
            yield "document", covered, cms.ContentInfo.load(message).dump()
        else:
            yield from stamps_of(message, covered)


def main():
    """Reads the arguments, prints the kinds."""
    parser = argparse.ArgumentParser(description="Take the time-stamps of CMS or of a PDF apart.")
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--into", type=pathlib.Path, required=True, metavar="FOLDER")
    parser.add_argument("--content", type=pathlib.Path)
    options = parser.parse_args()
    data = options.file.read_bytes()
    content = options.content.read_bytes() if options.content else None
    found = stamps_of_pdf(data) if data.startswith(b"%PDF") else stamps_of(data, content)
    for number, (kind, about, token) in enumerate(found):
        (options.into / f"{number}.data").write_bytes(about)
        (options.into / f"{number}.tst").write_bytes(token)
        print(options.file.name, kind, sep="\t")


if __name__ == "__main__":
    main()
