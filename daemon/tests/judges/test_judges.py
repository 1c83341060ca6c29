#!/usr/bin/env python3
"""The judges judged: they accept what pyHanko and OpenSSL signed with keys of the demo PKI, and reject it tampered,
under a stranger's root, or with a broken path. A judge that accepts everything would prove nothing.

    test_judges.py          (unittest; needs the packages of requirements.txt, and openssl, poppler, qpdf, mupdf)
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter

HERE = pathlib.Path(__file__).resolve().parent
TESTDATA = HERE.parents[2] / "testdata"
DOSSIER = TESTDATA / "documents" / "dossier.pdf"


def judge(*arguments):
    """(exit status, verdict by judge) of judge.py."""
    command = [sys.executable, HERE / "judge.py", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False)
    verdict = json.loads(done.stdout)
    return done.returncode, {each["judge"]: each for each in verdict["judges"]}


def sign_pdf(pki, leaf, source, target, field, pss=False):
    """A PAdES B-B signature by pyHanko."""
    folder = pki / "leaves" / leaf
    signer = signers.SimpleSigner.load(
        str(folder / "key.pem"), str(folder / "cert.pem"), ca_chain_files=(str(pki / "ca.pem"),), prefer_pss=pss
    )
    metadata = signers.PdfSignatureMetadata(field_name=field, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256")
    with open(source, "rb") as original, open(target, "wb") as signed:
        signers.sign_pdf(IncrementalPdfFileWriter(original), metadata, signer=signer, output=signed)


def sign_cms(pki, leaf, content, target, *options):
    """A CAdES B-B signature by OpenSSL."""
    folder = pki / "leaves" / leaf
    command = ["openssl", "cms", "-sign", "-cades", "-binary", "-in", content, "-outform", "DER", "-out", target]
    command += ["-signer", folder / "cert.pem", "-inkey", folder / "key.pem", "-certfile", pki / "ca.pem", *options]
    subprocess.run(command, check=True)


class Judges(unittest.TestCase):
    """One PKI and two signed files serve every test."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.work = pathlib.Path(cls.folder.name)
        cls.pki = cls.work / "pki"
        subprocess.run([TESTDATA / "pki" / "generate.sh", cls.pki], check=True)
        leaves = ["citizen", "official", "expired", "encryption_only"]
        subprocess.run([TESTDATA / "pki" / "leaves.sh", cls.pki, *leaves], check=True)
        cls.once, cls.twice = cls.work / "once.pdf", cls.work / "twice.pdf"
        sign_pdf(cls.pki, "citizen", DOSSIER, cls.once, "Citizen")
        sign_pdf(cls.pki, "official", cls.once, cls.twice, "Official")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def tampered(self, source, needle, replacement):
        """A copy in which the needle's first occurrence reads otherwise, at the same length."""
        data = source.read_bytes()
        self.assertIn(needle, data)
        self.assertEqual(len(needle), len(replacement))
        target = self.work / f"tampered-{source.name}"
        target.write_bytes(data.replace(needle, replacement, 1))
        return target

    def test_all_accept_one_signature(self):
        status, verdicts = judge("pdf", self.once, "--trust", self.pki / "root.pem", "--original", DOSSIER)
        self.assertEqual(status, 0, verdicts)
        self.assertEqual(verdicts["pyhanko"]["signatures"][0]["coverage"], "ENTIRE_FILE")

    def test_all_accept_two_signatures(self):
        status, verdicts = judge("pdf", self.twice, "--trust", self.pki / "root.pem", "--original", DOSSIER)
        self.assertEqual(status, 0, verdicts)
        first, second = verdicts["pyhanko"]["signatures"]
        self.assertEqual((first["coverage"], first["modification"]), ("ENTIRE_REVISION", "FORM_FILLING"))
        self.assertEqual((second["coverage"], second["modification"]), ("ENTIRE_FILE", "NONE"))

    def changed(self, source):
        """A copy with one bit of the first stream turned."""
        data = source.read_bytes()
        at = data.index(b"stream") + 100
        target = self.work / f"changed-{source.name}"
        target.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        return target

    def test_pss_is_judged_by_those_that_know_it(self):
        pss = self.work / "pss.pdf"
        sign_pdf(self.pki, "citizen", DOSSIER, pss, "Citizen", pss=True)
        status, verdicts = judge("pdf", pss, "--trust", self.pki / "root.pem", "--original", DOSSIER)
        self.assertEqual(status, 0, verdicts)
        self.assertEqual(verdicts["mutool"]["abstained"], 1)
        _, verdicts = judge("pdf", self.changed(pss), "--trust", self.pki / "root.pem")
        for name in ("pyhanko", "pdfsig"):
            self.assertFalse(verdicts[name]["ok"], name)

    def test_a_changed_byte_is_seen_by_each_that_reads_digests(self):
        changed = self.changed(self.once)
        status, verdicts = judge("pdf", changed, "--trust", self.pki / "root.pem", "--original", DOSSIER)
        self.assertEqual(status, 1)
        for name in ("pyhanko", "pdfsig", "mutool"):
            self.assertFalse(verdicts[name]["ok"], name)
        self.assertFalse(verdicts["pyhanko"]["original_kept"])

    def test_bytes_after_the_signature_are_seen(self):
        appended = self.work / "appended.pdf"
        appended.write_bytes(self.once.read_bytes() + b"\n% more\n")
        _, verdicts = judge("pdf", appended, "--trust", self.pki / "root.pem")
        self.assertFalse(verdicts["pyhanko"]["ok"])
        self.assertFalse(verdicts["pdfsig"]["ok"])

    def test_an_impostor_of_the_root_is_not_trusted(self):
        status, verdicts = judge("pdf", self.once, "--trust", self.pki / "impostor.pem")
        self.assertEqual(status, 1)
        self.assertFalse(verdicts["pyhanko"]["signatures"][0]["trusted"])

    def test_an_unsigned_file_is_refused(self):
        status, verdicts = judge("pdf", DOSSIER, "--trust", self.pki / "root.pem")
        self.assertEqual(status, 1)
        for name in ("pyhanko", "pdfsig", "mutool"):
            self.assertFalse(verdicts[name]["ok"], name)

    def test_unfit_certificates_are_refused(self):
        for leaf in ("expired", "encryption_only"):
            target = self.work / f"{leaf}.pdf"
            sign_pdf(self.pki, leaf, DOSSIER, target, "Citizen")
            status, verdicts = judge("pdf", target, "--trust", self.pki / "root.pem")
            self.assertEqual(status, 1, leaf)
            self.assertFalse(verdicts["pyhanko"]["ok"], leaf)

    def test_cms_detached(self):
        signature = self.work / "detached.p7s"
        sign_cms(self.pki, "official", DOSSIER, signature)
        trust = ("--trust", self.pki / "root.pem")
        self.assertEqual(judge("cms", signature, *trust, "--content", DOSSIER)[0], 0)
        self.assertEqual(judge("cms", signature, *trust, "--content", self.once)[0], 1)
        self.assertEqual(judge("cms", signature, "--trust", self.pki / "impostor.pem", "--content", DOSSIER)[0], 1)

    def test_cms_attached(self):
        signature = self.work / "attached.p7m"
        sign_cms(self.pki, "citizen", DOSSIER, signature, "-nodetach")
        status, verdicts = judge("cms", signature, "--trust", self.pki / "root.pem")
        self.assertEqual(status, 0, verdicts)
        self.assertEqual(verdicts["openssl"]["content_bytes"], DOSSIER.stat().st_size)
        changed = self.tampered(signature, b"%PDF-1.", b"%PDF-2.")
        self.assertEqual(judge("cms", changed, "--trust", self.pki / "root.pem")[0], 1)

    def test_cms_with_the_leaf_alone_needs_the_authority(self):
        signature = self.work / "leaf.p7s"
        folder = self.pki / "leaves" / "citizen"
        command = ["openssl", "cms", "-sign", "-cades", "-binary", "-in", DOSSIER, "-outform", "DER"]
        command += ["-out", signature, "-signer", folder / "cert.pem", "-inkey", folder / "key.pem"]
        subprocess.run(command, check=True)
        trust = ("--trust", self.pki / "root.pem", "--content", DOSSIER)
        self.assertEqual(judge("cms", signature, *trust)[0], 1)
        self.assertEqual(judge("cms", signature, *trust, "--other", self.pki / "ca.pem")[0], 0)


if __name__ == "__main__":
    unittest.main()
