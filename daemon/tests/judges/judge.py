#!/usr/bin/env python3
"""Puts a signed file before every judge that nobody here wrote, and prints what they say as one JSON object.

    judge.py pdf FILE --trust ROOT... [--other CERT...] [--original FILE]
        pyHanko, pdfsig (poppler), qpdf --check, mutool sign -v
    judge.py cms FILE --trust ROOT... [--other CERT...] [--content FILE]
        openssl cms -verify -cades; with --content the signature is detached

`ok` is true when every judge accepts; exit 0 then, 1 when one rejects or is not installed, 2 on misuse.
"""

import argparse
import json
import logging
import os
import re
import subprocess
import sys
import tempfile

SECONDS = 120


def run(*command, home=None):
    """(exit status, output) of a program; a missing or hanging one is a failure with its name."""
    environment = {**os.environ, "LC_ALL": "C", "LANG": "C"}
    if home:
        environment["HOME"] = home  # its certificate database, which would otherwise be this person's own
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=SECONDS, env=environment, stdin=subprocess.DEVNULL, check=False
        )
    except FileNotFoundError:
        return None, f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return None, f"{command[0]} did not answer in {SECONDS} s"
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def pdfsig(path):
    """Poppler: each signature's digest, and whether the newest one covers the whole file."""
    with tempfile.TemporaryDirectory() as home:
        status, output = run("pdfsig", "-nocert", path, home=home)
    verdicts = re.findall(r"Signature Validation: (.*)", output)
    coverage = re.findall(r"- ((?:Total|Not total) document signed)", output)
    signed = bool(verdicts) and all(verdict == "Signature is Valid." for verdict in verdicts)
    return {
        "judge": "pdfsig",
        # The signatures come in the order of the fields: one of them, the newest, covers everything.
        "ok": status == 0 and signed and "Total document signed" in coverage,
        "signatures": verdicts,
        "coverage": coverage,
        "output": output if status is None else None,
    }


def qpdf(path, original):
    """The structure. An original that qpdf warns about may keep its warnings, not gain new ones."""
    status, output = run("qpdf", "--check", path)
    before = run("qpdf", "--check", original)[0] if original else 0
    clean = status == 0
    return {
        "judge": "qpdf",
        "ok": clean or (status == 3 and before == 3),
        "clean": clean,
        "original_clean": before == 0,
        "output": None if clean else output[-2000:],
    }


def mutool(path, pss):
    """MuPDF: digests and changes. It has no authorities of its own, so its word on certificates is not counted, and
    it knows no RSASSA-PSS: for as many signatures as are (`pss`), its "unknown error" is no verdict.
    """
    status, output = run("mutool", "sign", "-v", path)
    verified = output.count("Verifying signature")
    abstained = min(output.count("Digest error: Unknown error."), pss)
    broken = output.count("Digest error") - abstained
    whole = "The document is unchanged since signing." in output or abstained > 0
    return {
        "judge": "mutool",
        "ok": status == 0 and verified > 0 and broken == 0 and whole,
        "signatures": verified,
        "abstained": abstained,
        "broken": broken,
        "output": output[-2000:],
    }


def openssl_cms(path, trust, other, content):
    """OpenSSL: the signature, the path, and signing-certificate-v2 (RFC 5035), for attached and detached CMS."""
    with tempfile.TemporaryDirectory() as folder:
        # An authority among the roots is only a step: without -partial_chain the path must end at a self-signed one.
        roots = os.path.join(folder, "roots.pem")
        concatenate([*trust, *other], roots)
        recovered = os.path.join(folder, "content")
        command = ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", path]
        command += ["-CAfile", roots, "-no-CApath", "-no-CAstore", "-purpose", "any", "-out", recovered]
        command += ["-content", content] if content else []
        status, output = run(*command)
        size = os.path.getsize(recovered) if status == 0 else None
    return {"judge": "openssl", "ok": status == 0, "content_bytes": size, "output": output[-2000:]}


def concatenate(paths, target):
    """Writes PEM files one after the other."""
    with open(target, "w", encoding="ascii") as joined:
        for path in paths:
            with open(path, encoding="ascii") as file:
                joined.write(file.read().rstrip("\n") + "\n")


def parse_arguments():
    """The command line of the page above."""
    parser = argparse.ArgumentParser(description="Put a signed file before every judge.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind in ("pdf", "cms"):
        one = kinds.add_parser(kind)
        one.add_argument("file")
        one.add_argument("--trust", nargs="+", required=True, metavar="ROOT")
        one.add_argument("--other", nargs="+", default=[], metavar="CERT")
        one.add_argument("--original" if kind == "pdf" else "--content", metavar="FILE")
    return parser.parse_args()


def main():
    """Runs the judges for the kind of file."""
    options = parse_arguments()
    logging.disable(logging.CRITICAL)
    if options.kind == "pdf":
        import pades  # only here: openssl's judgement needs no Python package

        first = pades.judge(options.file, options.trust, options.other, options.original)
        pss = sum(each.get("mechanism") == "rsassa_pss" for each in first["signatures"])
        judges = [first, pdfsig(options.file), qpdf(options.file, options.original), mutool(options.file, pss)]
    else:
        judges = [openssl_cms(options.file, options.trust, options.other, options.content)]
    verdict = {"ok": all(judge["ok"] for judge in judges), "judges": judges}
    json.dump(verdict, sys.stdout, ensure_ascii=False, indent=2)
    print()
    sys.exit(0 if verdict["ok"] else 1)


if __name__ == "__main__":
    main()
