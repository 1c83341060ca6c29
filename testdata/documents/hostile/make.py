#!/usr/bin/env python3
"""Makes the hostile documents and expectations.tsv beside it. Run by hand when one is added; the files are kept.

    make.py [OUT]           needs the packages of daemon/tests/judges/requirements.txt, and openssl

expectations.tsv: file, what signing it gives, what verifying it gives, what is wrong.
Signing gives `sign` (it works), a code of daemon/protocol/src/error.rs, or several codes with `|` between; `any` is
any typed answer. Verifying, with root.pem as the anchor, gives `none` (no signature in it), TOTAL-PASSED, TOTAL-FAILED,
INDETERMINATE, or the code of the error. Signing keys are made for the run and thrown away.
"""

import asyncio
import pathlib
import subprocess
import sys
import tempfile

from structure_traps import STRUCTURE
from signature_traps import signature_traps


def throwaway_signer(out):
    """A pyHanko signer below a root that is left as OUT/root.pem; both valid until the end of 2049."""
    from pyhanko.sign import signers

    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        extensions = work / "extensions"
        extensions.write_text(
            "[root]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
            "subjectKeyIdentifier=hash\n[leaf]\nbasicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature,nonRepudiation\nsubjectKeyIdentifier=hash\n"
            "authorityKeyIdentifier=keyid:always\n[req]\ndistinguished_name=none\n[none]\n"
        )

        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

        days = "8400"
        for name in ("root", "leaf"):
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", work / f"{name}.key")
        openssl("req", "-config", extensions, "-new", "-x509", "-key", work / "root.key", "-days", days, "-utf8",
                "-subj", "/C=VN/O=Tài liệu thử/CN=Root of the hostile documents", "-extensions", "root",
                "-out", out / "root.pem")
        openssl("req", "-config", extensions, "-new", "-key", work / "leaf.key", "-utf8",
                "-subj", "/C=VN/CN=NGƯỜI KÝ THỬ/UID=CCCD:079000000000", "-out", work / "leaf.csr")
        openssl("x509", "-req", "-in", work / "leaf.csr", "-CA", out / "root.pem", "-CAkey", work / "root.key",
                "-set_serial", "0x5401", "-days", days, "-extfile", extensions, "-extensions", "leaf",
                "-out", work / "leaf.pem")
        signer = signers.SimpleSigner.load(str(work / "leaf.key"), str(work / "leaf.pem"))

    def sign(digest):
        return asyncio.run(signer.async_sign(digest, "sha256", use_pades=True)).dump()

    return sign


def main():
    """Writes every file and the table."""
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent)
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.pdf"):
        old.unlink()
    traps = STRUCTURE + signature_traps(throwaway_signer(out))
    with open(out / "expectations.tsv", "w", encoding="utf-8") as table:
        for name, data, signing, verifying, wrong in traps:
            (out / f"{name}.pdf").write_bytes(data)
            table.write(f"{name}.pdf\t{signing}\t{verifying}\t{wrong}\n")
    print(f"{len(traps)} files, {sum(len(each[1]) for each in traps)} bytes")


if __name__ == "__main__":
    main()
