#!/usr/bin/env python3
"""Judges one detached CAdES signature with pyHanko.

    cades.py SIGNATURE CONTENT --trust ROOT... [--other CERT...]

SIGNATURE is CMS in DER, CONTENT what it is about. Prints one JSON object: `intact`, `valid`, `trusted` as pyHanko has them, and `stamped`: the same of the signature's time-stamp, or null where there is none.
"""

import argparse
import asyncio
import json
import logging

from asn1crypto import cms
from pades import read_certificates
from pyhanko.sign.validation import async_validate_detached_cms
from pyhanko_certvalidator import ValidationContext


def main():
    """Reads the arguments, prints the verdict."""
    parser = argparse.ArgumentParser(description="Judge a CAdES signature with pyHanko.")
    parser.add_argument("signature")
    parser.add_argument("content")
    parser.add_argument("--trust", nargs="+", required=True, metavar="ROOT")
    parser.add_argument("--other", nargs="+", default=[], metavar="CERT")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)

    def context():
        return ValidationContext(
            trust_roots=read_certificates(options.trust),
            other_certs=read_certificates(options.other),
            allow_fetching=False,
        )

    with open(options.signature, "rb") as file:
        signed = cms.ContentInfo.load(file.read())["content"]
    with open(options.content, "rb") as content:
        status = asyncio.run(
            async_validate_detached_cms(
                content, signed, signer_validation_context=context(), ts_validation_context=context()
            )
        )
    stamp = status.timestamp_validity
    print(json.dumps({
        "intact": bool(status.intact),
        "valid": bool(status.valid),
        "trusted": bool(status.trusted),
        "stamped": bool(stamp.intact and stamp.valid and stamp.trusted) if stamp else None,
    }))


if __name__ == "__main__":
    main()
