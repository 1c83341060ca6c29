#!/usr/bin/env python3
"""The figures of documents beside their peers, in one run: `make bench-documents`.

    table.py BUILD [--documents 100] [--batch 500] [--verify 100] [--mib 200]

One P-256 key in software for both sides: ours in `examples/documents`, pyHanko's with its key and its validation context
kept, xmlsec1's from a file. Prints Markdown: what, ours, the peer, the ratio or the memory, what is to be reached, and whether
it is. Memory of a large document is measured in the process of the library, of the shell, and of the daemon.
What the peers make is not judged here, but what we make is, by pyHanko and pdfsig.
"""

import argparse
import asyncio
import base64
import hashlib
import http.server
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HEAD = "| work | ours | the peer | reached | goal | |\n|---|---|---|---|---|---|"

# Goals that a run did not reach; told once more at its end.
MISSED = []

# Bytes of a document that a page sends at once.
PIECE = 300_000

# The largest small document, in bytes.
SMALL = 100_000

ROOT = Path(__file__).resolve().parents[3]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "daemon" / "benches"))
sys.path.insert(0, str(ROOT / "daemon" / "protocol" / "conformance"))
sys.path.insert(0, str(ROOT / "daemon" / "tests" / "judges"))


def run(*command, **more):
    """Standard output of a program that must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr.decode()}{done.stdout.decode()}")
    return done.stdout


class Bench:
    """A folder with a key, documents and the measuring program."""

    def __init__(self, build, folder):
        self.program = Path(build) / "release" / "examples" / "documents"
        self.folder = folder
        self.certificate, self.key, self.der = (folder / name for name in ("cert.pem", "key.pem", "key.der"))
        self.root, root_key = folder / "root.pem", folder / "root.key"
        made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days", "30")
        run(*made, "-keyout", root_key, "-out", self.root, "-subj", "/C=VN/CN=Root",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        run(*made, "-keyout", self.key, "-out", self.certificate, "-subj", "/C=VN/CN=Bench", "-CA", self.root, "-CAkey", root_key,
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature,nonRepudiation")
        run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", self.key, "-outform", "DER", "-out", self.der)
        self.small = ROOT / "testdata" / "documents" / "dossier.pdf"

    def different(self, count):
        """So many small documents of other makers that both sides sign, the first by name; where there are too few, some
        with one page of noise beside them."""
        found = []
        corpus = ROOT / "target" / "documents"
        for path in [self.small, *sorted(corpus.glob("*.pdf")), *sorted((corpus / "corpus").rglob("*.pdf"))]:
            if len(found) < count and path.stat().st_size <= SMALL and self.is_signed_by_both(path):
                found.append(path)
        makers = len(found)
        for number in range(makers, count):
            path = self.folder / f"noise-{number}.pdf"
            write_pdf(path, 1, 20_000 + 500 * number)
            found.append(path)
        print(f"{makers} of {count} small documents are by other makers.\n", flush=True)
        return found

    def is_signed_by_both(self, path):
        words = [self.program, "visible", 0, self.certificate, self.der, path, self.folder / "tried.pdf"]
        if subprocess.run([str(word) for word in words], capture_output=True, check=False).returncode != 0:
            return False
        try:
            pyhanko(self, [path], 1, True)
        except Exception:  # pylint: disable=broad-except
            return False
        return True

    def ours(self, what, rounds, *words):
        return json.loads(run(self.program, what, rounds, *words))

    def sign(self, what, rounds, sources, target):
        sources = sources if isinstance(sources, list) else [sources]
        return self.ours(what, rounds, self.certificate, self.der, *sources, target)


class Goal:
    """What a figure has to be: `least` or `most`, in a unit."""

    def __init__(self, value, unit, *, least=None, most=None, digits=1):
        self.value, self.unit, self.digits = value, unit, digits
        self.bound = f"≥ {least:g} {unit}" if least is not None else f"≤ {most:g} {unit}"
        self.reached = value >= least if least is not None else value <= most

    def __str__(self):
        return f"{self.value:.{self.digits}f} {self.unit}"


def row(what, ours, peer, *goals, also=""):
    """One line of the table: each figure that has a goal, the goals, and which of them are not reached."""
    missed = [goal for goal in goals if not goal.reached]
    MISSED.extend(f"{what}: {goal}, not {goal.bound}" for goal in missed)
    verdict = "missed: " + ", ".join(goal.bound for goal in missed) if missed else "reached" if goals else ""
    figures = ", ".join([*(str(goal) for goal in goals), *([also] if also else [])])
    print(f"| {what} | {ours} | {peer} | {figures} | {', '.join(goal.bound for goal in goals)} | {verdict} |", flush=True)


def write_pdf(path, pages, size):
    """A PDF with a picture a page, about as large as asked for."""
    side = max(8, size // pages // 640)
    with open(path, "wb") as file:
        offsets = []

        def put(body):
            offsets.append(file.tell())
            file.write(b"%d 0 obj\n" % len(offsets) + body + b"\nendobj\n")

        file.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        put(b"<< /Type /Catalog /Pages 2 0 R >>")
        kids = b" ".join(b"%d 0 R" % (3 + 3 * page) for page in range(pages))
        put(b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, kids))
        content = b"q 500 0 0 700 40 70 cm /P Do Q"
        for page in range(pages):
            put(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /XObject << /P %d 0 R"
                b" >> >> >>" % (4 + 3 * page, 5 + 3 * page))
            put(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
            put(b"<< /Type /XObject /Subtype /Image /Width 640 /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 "
                b"/Length %d >>\nstream\n%s\nendstream" % (side, 640 * side, os.urandom(640 * side)))
        start = file.tell()
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1))
        file.write(b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
        file.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, start))


def pyhanko(bench, sources, rounds, visible=False):
    """Seconds a document, the key kept, each round with the next; with what it makes."""
    from io import BytesIO

    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers
    from pyhanko.stamp import QRStampStyle

    signer = signers.SimpleSigner.load(str(bench.key), str(bench.certificate))
    contents = [source.read_bytes() for source in sources]
    style = QRStampStyle(stamp_text="Ký bởi: Nguyễn Thị Hằng\n%(ts)s") if visible else None

    def once(number):
        writer = IncrementalPdfFileWriter(BytesIO(contents[number % len(contents)]))
        metadata = signers.PdfSignatureMetadata(field_name=f"S{number}", subfilter=fields.SigSeedSubFilter.PADES)
        field = fields.SigFieldSpec(f"S{number}", box=(300, 700, 550, 800)) if visible else None
        pdf_signer = signers.PdfSigner(metadata, signer, stamp_style=style, new_field_spec=field)
        words = {"appearance_text_params": {"url": f"https://tracuu.example.vn/{number}"}} if visible else {}
        return pdf_signer.sign_pdf(writer, **words).getvalue()

    once(0)
    began = time.perf_counter()
    for number in range(rounds):
        signed = once(number + 1)
    return (time.perf_counter() - began) / rounds, signed


def small(bench, rounds):
    documents = bench.different(rounds)
    print(HEAD, flush=True)
    for what, words in [
            ("pades", "PAdES B-B, small, each another"),
            ("visible", "the same, with seal, text and QR of its own")]:
        out = bench.folder / f"{what}.pdf"
        mine = bench.sign(what, rounds, documents, out)
        each, ours = mine["seconds"] / rounds, (mine["seconds"] - mine["key_seconds"]) / rounds
        theirs, _ = pyhanko(bench, documents, rounds, what == "visible")
        goals = [Goal(theirs / each, "×", least=20, digits=0)]
        if what == "pades":
            goals.append(Goal(1000 * ours, "ms without the key", most=1, digits=2))
        row(words, f"{1000 * each:.2f} ms, {1000 * ours:.2f} ms without the key", f"{1000 * theirs:.1f} ms (pyHanko)", *goals)
        judge(out, bench)


def judge(path, bench):
    told = run("pdfsig", "-nocert", path, env={**os.environ, "HOME": str(bench.folder), "LC_ALL": "C"}).decode()
    assert "Signature is Valid." in told and "Total document signed" in told, told


def large(bench, build, mebibytes):
    source, out = bench.folder / "20.pdf", bench.folder / "20-signed.pdf"
    write_pdf(source, 100, 20 << 20)
    hashed = bench.ours("hash", 5, source)["seconds"] / 5
    mine = bench.sign("file", 5, source, out)
    each = mine["seconds"] / 5
    theirs, _ = pyhanko(bench, [source], 3)
    row("PAdES B-B of 20 MiB, 100 pages, in one process", f"{1000 * each:.1f} ms", f"{1000 * theirs:.1f} ms (pyHanko)",
        Goal(theirs / each, "×", least=2), Goal(each / hashed, "× of hashing", most=1.5, digits=2), added(mine))
    judge(out, bench)
    source, out = bench.folder / "200.pdf", bench.folder / "200-signed.pdf"
    write_pdf(source, 500, (mebibytes << 20) - 500_000)
    hashed = bench.ours("hash", 1, source)["seconds"]
    mine = bench.sign("file", 1, source, out)
    row(f"PAdES B-B of {mebibytes} MiB, 500 pages, in one process", f"{1000 * mine['seconds']:.0f} ms", "", added(mine),
        also=f"{mine['seconds'] / hashed:.2f} × of hashing")
    judge(out, bench)
    at_the_shell(bench, build, source)
    through_the_daemon(build, source)


def added(mine):
    """Memory above what the process had before the work."""
    return Goal(mine["kib"] / 1024, "MiB more", most=16)


def xml(bench):
    source, out, template = (bench.folder / name for name in ("10.xml", "ours.xml", "template.xml"))
    rows = "".join(f"<row number='{number}'><name>Nguyễn Văn An</name><sum>{number * 7919}</sum></row>\n"
                   for number in range(130_000))
    source.write_text(f"<?xml version='1.0' encoding='UTF-8'?>\n<report>{rows}</report>", encoding="utf-8")
    mine = bench.sign("xades", 3, source, out)
    names = "http://www.w3.org/2000/09/xmldsig#"
    signature = (
        f"<Signature xmlns='{names}'><SignedInfo><CanonicalizationMethod Algorithm='http://www.w3.org/2001/10/xml-exc-c14n#'/>"
        "<SignatureMethod Algorithm='http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256'/><Reference URI=''><Transforms>"
        f"<Transform Algorithm='{names}enveloped-signature'/><Transform Algorithm='http://www.w3.org/2001/10/xml-exc-c14n#'/>"
        "</Transforms><DigestMethod Algorithm='http://www.w3.org/2001/04/xmlenc#sha256'/><DigestValue/></Reference>"
        "</SignedInfo><SignatureValue/><KeyInfo><X509Data/></KeyInfo></Signature></report>")
    template.write_text(source.read_text(encoding="utf-8").replace("</report>", signature), encoding="utf-8")
    command = ["xmlsec1", "--sign", "--privkey-pem", f"{bench.key},{bench.certificate}", "--output",
               bench.folder / "theirs.xml", template]
    own = [bench.program, "xades", 0, bench.certificate, bench.der, source, out]
    ours, whole = processes(bench, own)
    theirs, memory = processes(bench, command)
    row(f"XML enveloped, {source.stat().st_size / 1e6:.0f} MB, process by process",
        f"{1000 * ours:.0f} ms, {mine['kib'] / 1024:.0f} MiB added, {whole:.0f} MiB in all",
        f"{1000 * theirs:.0f} ms, {memory:.0f} MiB in all (xmlsec1)", Goal(theirs / ours, "×", least=3),
        Goal(mine["kib"] / 1024, "MiB more", most=32))


def processes(bench, command):
    """The least time of a whole process of three, with its start and its files, and its most memory in MiB."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        run("/usr/bin/time", "-f", "%M", "-o", bench.folder / "memory", *command)
        times.append(time.perf_counter() - began)
    return min(times), int((bench.folder / "memory").read_text().split()[-1]) / 1024


class Authority(http.server.BaseHTTPRequestHandler):
    """A time-stamp authority: OpenSSL behind HTTP."""

    folder = None

    def do_POST(self):  # noqa: N802, the name is the library's
        """Answers one query."""
        query, answer = self.folder / "query.tsq", self.folder / "answer.tsr"
        query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        run("openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", query, "-out", answer, cwd=self.folder)
        content = answer.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing: the table is the output."""


def long_term(bench, build, documents):
    """Raises signed PDFs to B-LT as anybody would: `trien augment` with an authority and an imported list. `documents` are
    pairs of what is raised and where it goes."""
    folder = bench.folder
    (folder / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa = t\n[t]\nserial = tsa.serial\ncrypto_device = builtin\nsigner_cert = tsa.pem\ncerts = root.pem\n"
        "signer_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\n"
        "ess_cert_id_chain = no\ness_cert_id_alg = sha256\n"
        "[ca]\ndefault_ca = c\n[c]\ndatabase = index\ndefault_md = sha256\ndefault_crl_days = 30\n")
    (folder / "index").touch()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days", "30",
        "-keyout", "tsa.key", "-out", "tsa.pem", "-subj", "/C=VN/CN=TSA", "-CA", "root.pem", "-CAkey", "root.key",
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
        "-addext", "extendedKeyUsage=critical,timeStamping", cwd=folder)
    run("openssl", "ca", "-config", "tsa.cnf", "-gencrl", "-cert", "root.pem", "-keyfile", "root.key", "-out", "root.crl", cwd=folder)
    Authority.folder = folder
    server = http.server.HTTPServer(("127.0.0.1", 0), Authority)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    trien = Path(build) / "release" / "trien"
    env = {**os.environ, "TRIEN_HOME": str(folder / "home")}
    run(trien, "trust", "add", bench.root, env=env)
    run(trien, "trust", "import-crl", folder / "root.crl", env=env)
    for source, target in documents:
        run(trien, "augment", source, "--level", "lt", "--tsa", f"http://127.0.0.1:{server.server_port}/", "--out", target, env=env)
    server.shutdown()
    target = documents[-1][1]
    told = json.loads(run(trien, "verify", target, "--json", env=env))
    assert told[0]["signatures"][0]["level"] == "B-LT", told


def verification(bench, build, count):
    """So many documents, each another; each is read and judged by itself, in one warm process on both sides."""
    from pyhanko.keys import load_cert_from_pemder
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import async_validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    from levels import retroactively

    signed, proven = [], []
    for number in range(count):
        source = bench.folder / f"to-verify-{number}.pdf"
        write_pdf(source, 1, 20_000 + 500 * number)
        signed.append(bench.folder / f"verify-{number}.pdf")
        proven.append(bench.folder / f"verify-lt-{number}.pdf")
        bench.sign("room", 1, source, signed[-1])
    long_term(bench, build, list(zip(signed, proven)))
    root = load_cert_from_pemder(str(bench.root))
    context = ValidationContext(trust_roots=[root])
    logging.disable(logging.CRITICAL)

    async def basic(reader):
        return (await async_validate_pdf_signature(reader.embedded_regular_signatures[0], context)).bottom_line

    # Not ades_lta_validation: that goes on to the past, where a document without a document time-stamp proves nothing.
    async def with_material(reader):
        return await retroactively(reader, reader.embedded_regular_signatures[0], [root]) == "OK"

    async def theirs(paths, validate):
        for path in paths:
            with open(path, "rb") as file:
                assert await validate(PdfFileReader(file))

    for what, paths, validate, least in [("B-B", signed, basic, None), ("B-LT", proven, with_material, 20)]:
        mine = bench.ours("verify", 1, bench.root, *paths)
        asyncio.run(theirs(paths[:1], validate))
        began = time.perf_counter()
        asyncio.run(theirs(paths, validate))
        peer, each = (time.perf_counter() - began) / count, mine["seconds"] / count
        goals = [Goal(peer / each, "×", least=least, digits=0)] if least else []
        row(f"checking PAdES {what}", f"{1000 * each:.2f} ms", f"{1000 * peer:.1f} ms (pyHanko)", *goals,
            also="" if least else f"{peer / each:.0f} ×")


def connected(build, delay):
    """A daemon whose token takes so many milliseconds for a signature, what measures it, and a page that was greeted."""
    from bridge import Bench as Bridge
    from conformance import WebSocket

    bridge = Bridge(Path(build) / "release")
    slow, prompter = bridge.home / "slow.toml", bridge.home / "script.toml"
    slow.write_text(f'[[rule]]\nfunction = "C_Sign"\ndo = "delay"\nmilliseconds = {delay}\n')
    prompter.write_text('[[answer]]\ndecision = "approve"\nrepeat = true\npins = ["12345678"]\n')
    (bridge.home / "home" / "config" / "config.toml").write_text("[websocket]\nport = 0\n")
    log = open(bridge.home / "daemon.log", "w+", encoding="utf-8")
    command = [bridge.binaries / "trien", "daemon", "--simulate", slow, "--prompter", f"scripted:{prompter}"]
    daemon = subprocess.Popen(command, env=bridge.env, stdout=subprocess.PIPE, stderr=log, text=True)
    bridge.log = log
    bridge.host, port = re.search(r"websocket=([\d.]+):(\d+)", daemon.stdout.readline()).groups()
    bridge.port = int(port)
    page = WebSocket(bridge)
    page.hello()
    return daemon, bridge, page


def upload(page, content):
    """Sends a document in pieces; gives its digest."""
    digest = hashlib.sha256(content).hexdigest()
    for offset in range(0, len(content), PIECE):
        piece = base64.b64encode(content[offset:offset + PIECE]).decode()
        page.call("upload", {"sha256": digest, "size": len(content), "offset": offset, "data": piece})
    return digest


def resident(pid, field):
    """VmRSS or VmHWM, in MiB."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(field + ":")]
    return int(line.split()[1]) / 1024


def at_the_shell(bench, build, source):
    """Memory of `trien sign` for a large document, above that for a small one."""
    from bridge import Bench as Bridge

    bridge = Bridge(Path(build) / "release")

    def peak(document):
        run("/usr/bin/time", "-f", "%M", "-o", bench.folder / "memory", bridge.binaries / "trien", "sign", document,
            "--out", bench.folder / "shell.pdf", "--pin-file", bridge.pin, "--force", env=bridge.env)
        return int((bench.folder / "memory").read_text().split()[-1]) / 1024

    usual = peak(bench.small)
    began = time.perf_counter()
    most = peak(source)
    took = time.perf_counter() - began
    row(f"the same by `trien sign`, which has {usual:.1f} MiB for a small one", f"{1000 * took:.0f} ms, the token's login in it", "",
        Goal(most - usual, "MiB more", most=16))
    judge(bench.folder / "shell.pdf", bench)


def through_the_daemon(build, source):
    """Memory of a daemon that takes a large document in and signs it, above what it had when a page was greeted."""
    daemon, _bridge, page = connected(build, 0)
    idle = resident(daemon.pid, "VmRSS")
    content = source.read_bytes()
    digest = upload(page, content)
    uploaded = resident(daemon.pid, "VmHWM")
    began = time.perf_counter()
    document = {"name": "document.pdf", "sha256": digest, "size": len(content)}
    reply = page.call("sign_documents", {"documents": [document], "format": "pades"})
    took = time.perf_counter() - began
    assert reply["result"]["documents"][0]["status"] == "signed", reply
    most = resident(daemon.pid, "VmHWM")
    daemon.terminate()
    daemon.wait()
    row(f"the same through the daemon, which has {idle:.1f} MiB when idle", f"{1000 * took:.0f} ms after the upload", "",
        Goal(most - idle, "MiB more", most=16), also=f"{uploaded - idle:.1f} MiB more when it is uploaded")


def batch(build, count):
    """Through the daemon, with a token that takes 50 ms for a signature."""
    daemon, bridge, page = connected(build, 50)
    source = (ROOT / "testdata" / "documents" / "dossier.pdf").read_bytes()
    documents = []
    for number in range(count):
        content = source + b"\n" * (number + 1)
        documents.append({"name": f"{number}.pdf", "sha256": upload(page, content), "size": len(content)})
    bridge.spans()
    began = time.perf_counter()
    reply = page.call("sign_documents", {"documents": documents, "format": "pades"})
    took = time.perf_counter() - began
    assert all(one["status"] == "signed" for one in reply["result"]["documents"]), reply
    time.sleep(0.3)
    _, person, login, *_ = bridge.spans()[-1]
    ours = took - (person + login) / 1000
    daemon.terminate()
    daemon.wait()
    # The documents are here before; the person and the token's login are taken away; the token's part is its delay alone.
    row(f"a batch of {count} PDFs that are uploaded, after the one PIN", f"{ours:.2f} s", f"{0.05 * count:.2f} s (`C_Sign` alone)",
        Goal(ours / (0.05 * count), "×", most=1.1, digits=3))


def main():
    parser = argparse.ArgumentParser(description="The figures of documents beside their peers.")
    parser.add_argument("build")
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--verify", type=int, default=100)
    parser.add_argument("--mib", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trien-bench-") as folder:
        bench = Bench(options.build, Path(folder))
        small(bench, options.documents)
        large(bench, options.build, options.mib)
        xml(bench)
        verification(bench, options.build, options.verify)
    batch(options.build, options.batch)
    print(f"\nGoals that are not reached: {'; '.join(MISSED) or 'none'}.", flush=True)


if __name__ == "__main__":
    main()
