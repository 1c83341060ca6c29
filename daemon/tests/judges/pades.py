#!/usr/bin/env python3
"""Judges the signatures of a PDF with pyHanko: integrity, path to the given roots, coverage, later changes.

    pades.py FILE --trust ROOT... [--other CERT...] [--original FILE] [--at RFC3339]

Prints one JSON object. Exit 0 when every signature is intact, valid and trusted, the last one covers the entire
file, whatever was appended after an earlier one is a change that pyHanko's difference analysis allows, and the
original's bytes stand unchanged at the head of the file. Exit 1 when not, 2 on misuse.
"""

import argparse
import datetime
import json
import logging
import sys

from asn1crypto import pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore


def read_certificates(paths):
    """Every certificate of the files, PEM or DER."""
    found = []
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        if pem.detect(data):
            found += [x509.Certificate.load(der) for _, _, der in pem.unarmor(data, multiple=True)]
        else:
            found.append(x509.Certificate.load(data))
    return found


def describe(signature, context):
    """What pyHanko says about one signature, as plain values."""
    status = validate_pdf_signature(signature, signer_validation_context=context())
    level = status.modification_level
    return {
        "field": signature.field_name,
        "subfilter": str(signature.sig_object.get("/SubFilter", "")),
        "signer": status.signing_cert.subject.human_friendly,
        "intact": bool(status.intact),
        "valid": bool(status.valid),
        "trusted": bool(status.trusted),
        "coverage": status.coverage.name,
        "modification": level.name if level is not None else None,
        "changes_allowed": status.docmdp_ok is not False,
        "docmdp": signature.docmdp_level.name if signature.docmdp_level else None,
        "fieldmdp": locks(signature.fieldmdp),
        "digest": status.md_algorithm,
        "mechanism": status.pkcs7_signature_mechanism,
        "ok": bool(status.bottom_line),
    }


def locks(spec):
    """What a FieldMDP dictionary locks: the action, and the fields it names."""
    return None if spec is None else [spec.action.name, *(spec.fields or [])]


def judge(path, trust, other=(), original=None, at=None):
    """The verdict on a file as a dictionary with `ok`; an exception of pyHanko is a verdict too."""
    roots, intermediates = read_certificates(trust), read_certificates(other)

    def context():
        return ValidationContext(
            trust_roots=roots,
            other_certs=intermediates,
            allow_fetching=False,
            revocation_mode="soft-fail",
            moment=at,
            best_signature_time=at,
        )

    verdict = {"judge": "pyhanko", "ok": False, "signatures": []}
    with open(path, "rb") as file:
        try:
            reader = PdfFileReader(file)
            signatures = reader.embedded_regular_signatures
        except Exception as error:  # pylint: disable=broad-except
            verdict["error"] = f"{type(error).__name__}: {error}"
            return verdict
        for signature in signatures:
            try:
                verdict["signatures"].append(describe(signature, context))
            except Exception as error:  # pylint: disable=broad-except
                verdict["signatures"].append({"ok": False, "error": f"{type(error).__name__}: {error}"})
    found = verdict["signatures"]
    verdict["last_covers_file"] = bool(found) and found[-1].get("coverage") == "ENTIRE_FILE"
    verdict["original_kept"] = original is None or starts_with(path, original)
    verdict["ok"] = (
        verdict["last_covers_file"] and verdict["original_kept"] and all(each["ok"] for each in found)
    )
    return verdict


def starts_with(path, original):
    """Whether the file's first bytes are exactly the original's."""
    with open(original, "rb") as file:
        head = file.read()
    with open(path, "rb") as file:
        return file.read(len(head)) == head


def main():
    """Reads the arguments, prints the verdict."""
    parser = argparse.ArgumentParser(description="Judge the signatures of a PDF with pyHanko.")
    parser.add_argument("file")
    parser.add_argument("--trust", nargs="+", required=True, metavar="ROOT")
    parser.add_argument("--other", nargs="+", default=[], metavar="CERT")
    parser.add_argument("--original", metavar="FILE")
    parser.add_argument("--at", type=datetime.datetime.fromisoformat, metavar="RFC3339")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    verdict = judge(options.file, options.trust, options.other, options.original, options.at)
    json.dump(verdict, sys.stdout, ensure_ascii=False, indent=2)
    print()
    sys.exit(0 if verdict["ok"] else 1)


if __name__ == "__main__":
    main()
