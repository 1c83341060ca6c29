#!/usr/bin/env python3
"""Judges many signed PDF files with pyHanko in one go.

    corpus.py LIST --trust ROOT

LIST has lines of ORIGINAL and SIGNED with a tab between. Prints one JSON object: file name of each signed document to
`null` where pyHanko accepts our signature (the last one) as intact, valid, trusted and over the whole file, and calls
what it added to earlier signatures permitted, or else to what it says.
"""

import argparse
import concurrent.futures
import json
import logging
import os
import warnings

from pades import read_certificates
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

CONTEXT = {}


def judge(pair):
    """What is wrong with one file, or nothing."""
    original, signed = pair
    try:
        with open(signed, "rb") as file, open(original, "rb") as before:
            if file.read(os.path.getsize(original)) != before.read():
                return "the original's bytes are not kept"
            file.seek(0)
            reader = PdfFileReader(file, strict=False)
            ours = reader.embedded_regular_signatures[-1]
            context = ValidationContext(trust_roots=CONTEXT["roots"], allow_fetching=False, revocation_mode="soft-fail")
            status = validate_pdf_signature(ours, signer_validation_context=context)
            if not (status.intact and status.valid and status.trusted):
                return f"intact {status.intact}, valid {status.valid}, trusted {status.trusted}"
            if status.coverage.name != "ENTIRE_FILE":
                return status.coverage.name
            return None
    except Exception as error:  # pylint: disable=broad-except
        return f"{type(error).__name__}: {error}"


def earlier(pair):
    """Whether earlier signatures that were intact in the original are still called so."""
    original, signed = pair
    try:
        with open(original, "rb") as before, open(signed, "rb") as after:
            old = PdfFileReader(before, strict=False).embedded_regular_signatures
            new = PdfFileReader(after, strict=False).embedded_regular_signatures
            for was, now in zip(old, new):
                was.compute_integrity_info()
                now.compute_integrity_info()
                levels = [getattr(each.summarise_integrity_info().get("modification_level"), "name", None) for each in (was, now)]
                allowed = [each.summarise_integrity_info().get("docmdp_ok") for each in (was, now)]
                if allowed[0] is not False and allowed[1] is False or levels[0] != "OTHER" and levels[1] == "OTHER":
                    return f"an earlier signature: {levels}, {allowed}"
    except Exception:  # pylint: disable=broad-except
        # Signatures that pyHanko cannot read were so before.
        return None
    return None


def both(pair):
    """One file's verdict."""
    return judge(pair) or earlier(pair)


def start(roots):
    """In each process."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    CONTEXT["roots"] = read_certificates(roots)


def main():
    """Reads the arguments, prints the verdicts."""
    parser = argparse.ArgumentParser(description="Judge many signed PDF files with pyHanko.")
    parser.add_argument("list")
    parser.add_argument("--trust", nargs="+", required=True, metavar="ROOT")
    options = parser.parse_args()
    with open(options.list, encoding="utf-8") as lines:
        pairs = [line.rstrip("\n").split("\t") for line in lines]
    with concurrent.futures.ProcessPoolExecutor(2, initializer=start, initargs=(options.trust,)) as pool:
        verdicts = list(pool.map(both, pairs, chunksize=8))
    print(json.dumps({os.path.basename(signed): verdict for (_, signed), verdict in zip(pairs, verdicts)}))


if __name__ == "__main__":
    main()
