#!/usr/bin/env python3
"""What the bridge adds to the token: `make bench-bridge`.

    bridge.py BIN_DIR [--seconds 60] [--requests 200]

Starts a daemon of its own with the software token and an RSA-2048 key, and asks it over the WebSocket from a compiled client
(`daemon/examples/page.rs`). A request's time is taken apart. These are measured by themselves, of the same request: the
token at work, as its process measures around its calls (before the PIN, `C_Login` with its Argon2id, and from finding the key
to the end of `C_Sign`), the disk, which must have the record before a signature leaves (`fdatasync`; what a disk takes for that
is between 0.1 and 10 ms), and the person (here the scripted prompter, a process of its own as the window is, which answers at
once: all of that is one process that tells another). What is left is ours. Each request logs in anew, and the first `C_Sign`
after a login also unseals and reads the key: what a program gets that calls the token itself is told beside it, and so what
is added by that. In a batch what is added is what is beyond the bare `C_Sign`.

What no bridge of several processes can be faster than is measured in the same run (`daemon/examples/hops.rs`): as many of them
pass each other messages as long, with the same pauses, and do nothing else; and once more with what no bridge could leave out,
the JSON, the record and the check of the signature.

*Warm* is what a page finds that has been open for a second: the daemon runs, the module is loaded and its certificates are
read, the page is connected and has said hello, and a prompt stands ready, with its toolkit, for its question. So between two
requests there is a pause. The prompt is a new one for each question: requests that come one straight after the other, faster
than a person can decide, also wait for the last one to leave and for the next to start. They have a row of their own, in
which nothing of that is taken away but what the daemon counts as the person's.

The software token's login leaves every cache of the processor cold. A second daemon, whose token is SoftHSM's, shows the
bridge without that: its login takes a millisecond, as little of the processor as that of a token on USB. Prints Markdown.
"""

import argparse
import base64
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "daemon" / "protocol" / "conformance"))
from conformance import WebSocket  # noqa: E402  the conformance suite's client

PIN = "24681357"
PAUSE = 0.2  # seconds between two warm requests
WARM_UP = 5
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
SCOPES = ("certificates", "sign_in", "sign", "batch", "verify", "blind_digest")


class Bench:
    """A daemon on a home of its own, with the software token."""

    config = ""

    def __init__(self, binaries):
        self.binaries = Path(binaries)
        self.folder = tempfile.TemporaryDirectory(prefix="trien-bench-")
        self.home = Path(self.folder.name)
        self.env = {**os.environ, "TRIEN_HOME": str(self.home / "home"), "LANG": "C.UTF-8", "TRIEN_LOG": "trien=debug"}
        self.pin = self.home / "pin"
        self.pin.write_text(PIN + "\n")
        self.stranger, self.path = "https://stranger.example", None
        self.origin = "https://portal.example"
        self.module = self.binaries / "libtrien_pkcs11.so"
        self.make_token()
        for origin in [self.origin, *self.crowd()]:
            self.trien("origin", "allow", origin, *(word for scope in SCOPES for word in ("--scope", scope)))

    def trien(self, *words):
        command = [self.binaries / "trien", *words]
        return subprocess.run(command, env=self.env, check=True, capture_output=True, text=True).stdout

    def make_token(self):
        pki, csr, pem = self.home / "pki", self.home / "k.csr", self.home / "k.pem"
        quiet = {"check": True, "capture_output": True}
        subprocess.run([ROOT / "testdata/pki/generate.sh", pki], **quiet)
        with_pin = ("--pin-file", str(self.pin))
        self.trien("token", "init", "--label", "bench", *with_pin, "--so-pin-file", str(self.pin))
        key = ("--token", "bench", *with_pin)
        self.trien("token", "generate-key", *key, "--algorithm", "rsa:2048", "--label", "k")
        self.trien("token", "request", *key, "--key", "k", "--subject", "C=VN,CN=Bench", "--out", str(csr))
        subprocess.run([ROOT / "testdata/pki/issue.sh", pki, "citizen", csr, pem], **quiet)
        self.trien("token", "install", *key, "--cert", str(pem))

    def crowd(self):
        return [f"https://portal{number}.example" for number in range(13)]

    def start(self):
        config = self.home / "home" / "config"
        config.mkdir(parents=True, exist_ok=True)
        (config / "config.toml").write_text(f"[websocket]\nport = 0\n{self.config}")
        script = self.home / "script.toml"
        script.write_text(f'[[answer]]\ndecision = "approve"\nrepeat = true\npins = ["{PIN}"]\n')
        self.log = open(self.home / "daemon.log", "w+", encoding="utf-8")
        began = time.perf_counter()
        command = [self.binaries / "trien", "daemon", "--prompter", f"scripted:{script}"]
        self.daemon = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=self.log, text=True)
        ready = self.daemon.stdout.readline()
        took = (time.perf_counter() - began) * 1000
        self.host, port = re.search(r"websocket=([\d.]+):(\d+)", ready).groups()
        self.port = int(port)
        return took

    def resident(self):
        status = Path(f"/proc/{self.daemon.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def handshake(self, **changes):
        from conformance import Suite
        return Suite.handshake(self, **changes)

    def page(self, what, count, pause=PAUSE):
        """Milliseconds of each of so many requests of a compiled client."""
        words = [str(self.port), self.origin, what, str(count), str(round(pause * 1000))]
        program = self.binaries / "examples" / "page"
        return json.loads(subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout)

    def spans(self):
        """What the log says of requests with a signature since the last call, in milliseconds: (whole, person, opening, login,
        signing, disk)."""
        self.log.flush()
        text = (self.home / "daemon.log").read_text(encoding="utf-8")[getattr(self, "seen", 0):]
        self.seen = getattr(self, "seen", 0) + len(text)
        text = re.sub(r"\x1b\[[0-9;]*m", "", text)
        parts = ("total", "person", "opening", "login", "signing", "record")
        told = re.findall(" ".join(rf"{part}_us=(\d+)" for part in parts), text)
        spans = [tuple(int(part) / 1000 for part in one) for one in told]
        # Where only a certificate was shared, nothing was signed.
        return [span for span in spans if span[4]]


class WithSoftHSM(Bench):
    """The same with SoftHSM's token."""

    def make_token(self):
        store, conf = self.home / "softhsm", self.home / "softhsm2.conf"
        store.mkdir()
        conf.write_text(f"directories.tokendir = {store}\n")
        self.module, self.env["SOFTHSM2_CONF"] = SOFTHSM, str(conf)
        self.config = (
            f'[cards]\npiv = false\n[[modules]]\nname = "softhsm2"\npath = "{SOFTHSM}"\n'
            f'environment = ["SOFTHSM2_CONF"]\nfolders = ["{self.home}"]\n'
        )
        pki, key, csr, pem = (self.home / name for name in ("pki", "k.key", "k.csr", "k.pem"))
        quiet = {"check": True, "capture_output": True, "env": self.env}
        pins = ("--pin", PIN, "--so-pin", PIN)
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "bench", *pins], **quiet)
        subprocess.run([ROOT / "testdata/pki/generate.sh", pki], **quiet)
        made = ("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/C=VN/CN=Bench")
        subprocess.run([*made, "-keyout", key, "-out", csr], **quiet)
        subprocess.run([ROOT / "testdata/pki/issue.sh", pki, "citizen", csr, pem], **quiet)
        named = ("--token", "bench", "--label", "k", "--id", "01", "--pin", PIN)
        subprocess.run(["softhsm2-util", "--import", key, *named], **quiet)
        written = ("--login", "--pin", PIN, "--write-object", pem, "--type", "cert", "--id", "01", "--label", "k")
        subprocess.run(["pkcs11-tool", "--module", SOFTHSM, "--token-label", "bench", *written], **quiet)


def quantiles(times):
    times = sorted(times)
    return statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.99))]


def row(what, times, goal):
    median, worst = quantiles(times)
    print(f"| {what} | {median:.2f} ms | {worst:.2f} ms | {goal} |")


def bare(bench, count):
    program = bench.binaries / "examples" / "bare_signature"
    output = subprocess.run(
        [program, bench.module, "bench", bench.pin, str(count)], env=bench.env, check=True, capture_output=True, text=True
    ).stdout
    told = json.loads(output.strip().splitlines()[-1])
    return told["sign_ms"], told["first_sign_ms"]


def least(bench, count, spans, *folder):
    """Milliseconds of processes that only pass on the messages of a request, and with a folder for the record do what must be
    done; the token takes its time."""
    works = (statistics.median(span[place] for span in spans) for place in (3, 4))
    words = [WARM_UP + count, round(PAUSE * 1000), *(round(1000 * time) for time in works), *folder]
    program = bench.binaries / "examples" / "hops"
    told = subprocess.run([program, *map(str, words)], check=True, capture_output=True, text=True).stdout
    return json.loads(told)[WARM_UP:]


def requests(bench, count, pause):
    """So many requests, after some to warm up: the whole time of each, and what the log says of it."""
    time.sleep(0.2)
    bench.spans()
    whole = bench.page("sign_digest", WARM_UP + count, pause)
    time.sleep(0.2)
    spans = bench.spans()
    assert len(spans) == len(whole), (len(spans), len(whole))
    return whole[WARM_UP:], spans[WARM_UP:]


def added(whole, spans, person=True, disk=True, sign=None):
    """What is left: without the person's and the disk's part unless they count as ours, and by another time of the token."""
    def one(total, span):
        _, decided, opening, login, signing, recorded = span
        token = opening + login + (signing if sign is None else sign)
        return total - token - decided * person - recorded * disk

    return [one(*both) for both in zip(whole, spans)]


def warm_requests(bench, count, sign, first):
    whole, spans = requests(bench, count, PAUSE)
    row("a request that does nothing (`cancel`)", bench.page("cancel", count), "")
    row("the same, one straight after the other: no processor has gone to sleep", bench.page("cancel", min(count, 50), 0), "")
    row("`sign_digest`, whole", whole, "")
    parts = [
        "the person (scripted prompter)",
        "the token, before the PIN: is it there, how does the PIN stand, `C_OpenSession`",
        "the token: `C_Login` (Argon2id)", "the token: finding the key, `C_SignInit`, `C_Sign`",
        "the disk, for the record",
    ]
    for place, part in enumerate(parts, 1):
        row(part, [span[place] for span in spans], "")
    row("the token, when a program calls it: the first `C_Sign` after a login", [first], "")
    row("the token, when a program calls it: the next `C_Sign`", [sign], "")
    row("**added** beyond the token, person and disk", added(whole, spans), "≤ 0.5 ms, ≤ 2 ms")
    row("the same, beyond the next `C_Sign` instead of the first", added(whole, spans, sign=sign), "")
    row("the same, and with the prompter", added(whole, spans, person=False), "")
    row("the same, with the prompter and the record on the disk", added(whole, spans, person=False, disk=False), "")
    row("the least that is possible: as many processes pass on the same messages and do nothing else",
        least(bench, count, spans), "")
    row("the same, and JSON, record and check, which nobody could leave out", least(bench, count, spans, bench.home), "")
    row("**added**, after six seconds in which nothing was asked", added(*requests(bench, max(count // 8, 5), 6)), "")
    row("**added**, one straight after the other", added(*requests(bench, count // 4, 0)), "")
    page = WebSocket(bench)
    page.hello()
    certificate = page.call("certificates", {})["result"]["sha256"]
    digests = [{"digest": base64.b64encode(os.urandom(32)).decode()} for _ in range(500)]
    batch = {"certificate": certificate, "hash": "SHA-256", "digests": digests}
    items = []
    for _ in range(5):
        began = time.perf_counter()
        reply = page.call("sign_digests", batch)
        total = (time.perf_counter() - began) * 1000
        assert all(one["status"] == "signed" for one in reply["result"]["signatures"])
        time.sleep(0.2)
        _, person, opening, login, *_ = bench.spans()[-1]
        items.append((total - person - opening - login) / 500 - sign)
    row("a batch of 500 digests, added an item", items, "≤ 0.3 ms")


def crowd(bench, seconds):
    """100 connections, a request a second each, half a second after each other two of them a signature, of another
    connection every time: more a second the person would not be asked, for each has a question and a login of its own."""
    digest = base64.b64encode(bytes(32)).decode()
    times, signatures, errors, lock = [], [], [], threading.Lock()
    all_ready = threading.Barrier(101)

    def ask(page, number, second, call):
        turn = number in (second % 100, (second + 50) % 100)
        began = time.perf_counter()
        answer = page.call("sign_digest", call) if turn else page.call("cancel", {"request": 0})
        took = (time.perf_counter() - began) * 1000
        with lock:
            if turn:
                signatures.append((began, took))
            else:
                times.append(took)
            if "result" not in answer:
                errors.append(answer)
        return took

    def one(number):
        seat = type("Seat", (), {})()
        seat.host, seat.port, seat.origin = bench.host, bench.port, bench.crowd()[number % 13]
        seat.handshake = lambda **changes: bench.__class__.handshake(seat, **changes)
        try:
            # All are open at once, but they do not all knock in the same millisecond: so many handshakes are no page's.
            time.sleep(number / 100)
            page = WebSocket(seat)
            page.hello()
            with lock:  # the certificate that it will sign with: one question at a time
                certificate = page.call("certificates", {})["result"]["sha256"]
            call = {"certificate": certificate, "hash": "SHA-256", "digest": digest}
            all_ready.wait(120)
            time.sleep(2 + number / 100)
            for second in range(seconds):
                took = ask(page, number, second, call)
                time.sleep(max(0, 1 - took / 1000))
        except Exception as error:  # noqa: BLE001  every failure is a figure here
            all_ready.abort()
            with lock:
                errors.append(repr(error))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    try:
        all_ready.wait(120)
    except threading.BrokenBarrierError:
        sys.exit(f"the crowd did not come together: {errors[:3]}")
    time.sleep(1)
    bench.spans()
    for thread in threads:
        thread.join()
    time.sleep(0.5)
    spans, whole = bench.spans(), [took for _, took in sorted(signatures)]
    row(f"100 connections, a request a second each, {seconds} s ({len(errors)} errors): `cancel`", times, "p99 ≤ 10 ms, none")
    assert len(spans) == len(whole), (len(spans), len(whole), errors[:3])
    what = f"of these {len(whole)} `sign_digest`, each of another connection: added beyond the token, person and disk"
    row(what, added(whole, spans), "p99 ≤ 10 ms")


def beside_softhsm(binaries, count):
    bench = WithSoftHSM(binaries)
    bench.start()
    try:
        sign, first = bare(bench, count)
        whole, spans = requests(bench, count, PAUSE)
        floor = least(bench, count, spans)
        duties = least(bench, count, spans, bench.home)
    finally:
        bench.daemon.terminate()
        bench.daemon.wait()
    row("SoftHSM: before the PIN", [span[2] for span in spans], "")
    row("SoftHSM: `C_Login`", [span[3] for span in spans], "")
    row("SoftHSM, when a program calls it: the first `C_Sign` after a login", [first], "")
    row("SoftHSM, when a program calls it: the next `C_Sign`", [sign], "")
    row("SoftHSM: **added** beyond the token, person and disk", added(whole, spans), "≤ 0.5 ms, ≤ 2 ms")
    row("SoftHSM: the same, beyond the next `C_Sign`", added(whole, spans, sign=sign), "")
    row("SoftHSM: the least that is possible", floor, "")
    row("SoftHSM: the same, and JSON, record and check", duties, "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binaries")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--requests", type=int, default=200)
    options = parser.parse_args()
    bench = Bench(options.binaries)
    starts = []
    for _ in range(5):
        starts.append(bench.start())
        time.sleep(1)
        resident = bench.resident()
        bench.daemon.terminate()
        bench.daemon.wait()
    bench.start()
    try:
        print("| the bridge | median | p99 | goal |\n|---|---|---|---|")
        row("daemon, start to ready", starts, "≤ 50 ms")
        print(f"| daemon, resident when idle | {resident * 1.048576:.1f} MB | – | ≤ 15 MB |")
        row("connect, handshake and `hello`", bench.page("hello", options.requests, 0.01), "≤ 2 ms")
        warm_requests(bench, options.requests, *bare(bench, 200))
        crowd(bench, options.seconds)
    finally:
        bench.daemon.terminate()
        bench.daemon.wait()
    beside_softhsm(options.binaries, options.requests)


if __name__ == "__main__":
    main()
