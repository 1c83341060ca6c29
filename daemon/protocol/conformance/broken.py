#!/usr/bin/env python3
"""Holds `conformance.py` to what it says: through a proxy that breaks one thing at a time, the case for it has to fail,
and no other of those tried.

    broken.py --websocket 127.0.0.1:PORT --origin https://portal.example

The daemon behind the proxy is one that `conformance.py --approving` finds nothing wrong with. Prints one line for each
thing broken (TAP 14); status 0 if all were found.
"""

import argparse
import copy
import io
import json
import re
import socket
import struct
import sys
import threading
from types import SimpleNamespace

import conformance

HANDSHAKE = "a good handshake is accepted without extensions"
HELLO = "hello agrees on version and capabilities"
BAD = "a bad message gets an error and the third in a row ends it"
UNKNOWN = "unknown methods and ids that do not grow"
PIECES = "documents travel in pieces"
MANIFEST = "a manifest comes before its documents and what deviates ends it"
ORIGIN = "only the exact origin"
HOST = "only a loopback host with the port"
FIELDS = "the fields of a websocket"
AGREED = "what the person agrees to is delivered"
SIGNED = "documents that the person agrees to are signed"
# What no reply is about, so that what breaks a reply leaves it whole.
BESIDE = (ORIGIN, FIELDS)


class Proxy:
    """Carries each connection to the daemon and back. What it breaks is a way to change one of: the `request` that opens a
    connection, the `head` that answers it, a `frame` (its first octet and its payload), or a message of the daemon (`told`:
    gives a list of messages with the bytes of each, if it has any)."""

    def __init__(self, host, port):
        self.daemon = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.broken = {}
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            page, _ = self.listener.accept()
            threading.Thread(target=self.carry, args=(page, self.broken), daemon=True).start()

    def carry(self, page, broken):
        with page, socket.create_connection(self.daemon) as daemon:
            threading.Thread(target=self.ask, args=(page, daemon, broken), daemon=True).start()
            try:
                self.answer(page, daemon.makefile("rb"), broken)
            except OSError:
                pass  # either end may go whenever it likes
            for end in (page, daemon):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def ask(self, page, daemon, broken):
        change = broken.get("request", lambda request: request)
        try:
            # The daemon wants its own port in the request.
            first = page.recv(1 << 16).replace(f":{self.port}\r\n".encode(), f":{self.daemon[1]}\r\n".encode())
            daemon.sendall(change(first))
            while part := page.recv(1 << 16):
                daemon.sendall(part)
            daemon.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def answer(self, page, daemon, broken):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = daemon.readline()
            if not line:
                break
            head += line
        page.sendall(broken.get("head", lambda head: head)(head))
        if not head.startswith(b"HTTP/1.1 101"):
            page.sendall(daemon.read())
            return
        while len(begin := daemon.read(2)) == 2:
            length = begin[1]
            if length > 125:
                length = int.from_bytes(daemon.read(2 if length == 126 else 8), "big")
            payload = daemon.read(length)
            for first, part in self.messages(begin[0], payload, broken):
                first, part = broken.get("frame", lambda *frame: frame)(first, part)
                page.sendall(bytes([first, 127]) + struct.pack(">Q", len(part)) + part)

    @staticmethod
    def messages(first, payload, broken):
        if "told" not in broken or first not in (0x81, 0x82):
            yield first, payload
            return
        inner = int.from_bytes(payload[:4], "little") if first == 0x82 else None
        text, body = (payload, None) if inner is None else (payload[4:4 + inner], payload[4 + inner:])
        for message, bytes_of_it in broken["told"](json.loads(text), body):
            text = json.dumps(message).encode()
            if bytes_of_it is None:
                yield 0x81, text
            else:
                yield 0x82, struct.pack("<I", len(text)) + text + bytes_of_it


# --- What is broken ---------------------------------------------------------------------------------------------------


def has(field, value, *, always=False):
    """The head of what is accepted, or any, with this field instead of the one of that name."""
    def change(head):
        if not (head.startswith(b"HTTP/1.1 101") or always and head):
            return head
        other = re.sub(rb"(?i)\r\n" + field.encode() + rb":[^\r]*", b"", head)
        return other[:-2] + f"{field}: {value}\r\n\r\n".encode()
    return {"head": change}


def of(part, change):
    """Every message that has this part ("result", "error" or "params") with a changed copy of it."""
    def told(message, body):
        if part in message:
            message = copy.deepcopy(message)
            change(message[part])
        return [(message, body)]
    return {"told": told}


def put(*names, value):
    """Puts a value at the end of these names, where all but the last are there."""
    def change(part):
        for name in names[:-1]:
            part = part.get(name, {})
        if names[-1] in part:
            part[names[-1]] = value
    return change


def drop(name):
    return lambda part: part.pop(name, None)


def without_its_bytes(message, body):
    return [(message, None)]


def twice(message, body):
    return [(message, body)] * (2 if "result" in message else 1)


def progress(request):
    return {"jsonrpc": "2.0", "method": "progress", "params": {"request": request, "stage": "signing", "done": 0, "total": 1}}


def progress_after_the_end(message, body):
    late = [(progress(message["id"]), None)] if "result" in message else []
    return [(message, body), *late]


def progress_of_nothing(message, body):
    return [(progress(4_000_000), None), (message, body)]


def no_progress(message, body):
    return [] if message.get("method") == "progress" else [(message, body)]


def takes_any_document(message, body):
    if message.get("error", {}).get("data", {}).get("code") == "upload_mismatch":
        message = {"jsonrpc": "2.0", "id": message["id"], "result": {"received": 10, "sealed": True}}
    return [(message, body)]


def as_a_request(message, body):
    if message.get("method") == "progress":
        message = {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {}}
    return [(message, body)]


def reworded(old, new):
    """The code of an error, with the number of the new one."""
    def change(error):
        if error["data"]["code"] == old:
            error["data"]["code"], error["code"] = new, conformance.SCHEMA["errors"][new]
    return of("error", change)


def named(name, value):
    """Every message with this at its top."""
    return {"told": lambda message, body: [({**message, name: value}, body)]}


def closes_with(code):
    return {"frame": lambda first, payload: (first, struct.pack(">H", code) if first & 15 == 8 else payload)}


def let_in(field, value):
    """The daemon never sees what the page put there."""
    return {"request": lambda request: re.sub(rb"\r\n" + field + rb": [^\r]*", b"\r\n" + field + b": " + value, request)}


def everything(options):
    def the_first(result):
        if "documents" in result:
            result["documents"] = result["documents"][:1]

    origin = options.origin.encode()
    port = options.websocket.rsplit(":", 1)[1].encode()
    return (
        ("the accept is of another key", has("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), HANDSHAKE),
        ("an extension is taken", has("Sec-WebSocket-Extensions", "permessage-deflate"), HANDSHAKE),
        ("another subprotocol is taken", has("Sec-WebSocket-Protocol", "trien.v2"), HANDSHAKE),
        ("it is upgraded to something else", has("Upgrade", "h2c"), HANDSHAKE),
        ("scripts of any page may read it", has("Access-Control-Allow-Origin", "*", always=True), (HANDSHAKE, *BESIDE)),
        ("it tells strangers what it is", has("Server", "x", always=True), (HANDSHAKE, *BESIDE)),
        ("a frame is compressed", {"frame": lambda first, payload: (first | 0x40, payload)}, HANDSHAKE),
        ("any origin is let in", let_in(b"Origin", origin), ORIGIN),
        ("any host is let in", let_in(b"Host", b"127.0.0.1:" + port), HOST),
        ("hello has no session", of("result", drop("session")), HELLO),
        ("every session has one name", of("result", put("session", value="0" * 32)), HELLO),
        ("a capability that nobody has", of("result", put("capabilities", value=["telepathy"])), HELLO),
        ("an error has the number of another", of("error", put("code", value=-32603)), HELLO),
        ("an error has no number", of("error", drop("code")), HELLO),
        ("an error has no Vietnamese", of("error", put("data", "message", "vi", value="")), HELLO),
        ("an error has no remedy", of("error", lambda error: error["data"].pop("remedy")), HELLO),
        ("an error has another code", reworded("hello_expected", "not_allowed"), HELLO),
        ("it closes with another code", closes_with(1000), BAD),
        ("a reply comes twice", {"told": twice}, (UNKNOWN, HANDSHAKE)),
        ("progress comes after the end", {"told": progress_after_the_end}, (UNKNOWN, HANDSHAKE)),
        ("progress of what nobody asked for", {"told": progress_of_nothing}, UNKNOWN),
        ("a reply has another id", named("id", 4_000_000), UNKNOWN),
        ("a reply has another version of JSON-RPC", named("jsonrpc", "1.0"), UNKNOWN),
        ("a mismatched upload is taken", {"told": takes_any_document}, (PIECES, MANIFEST)),
        ("a piece comes without its bytes", {"told": without_its_bytes}, PIECES),
        ("other bytes come back", {"told": lambda message, body: [(message, body and bytes(len(body)))]}, PIECES),
        ("a deviation has another code", reworded("batch_mismatch", "document_missing"), MANIFEST),
        ("the daemon asks the page", {"told": as_a_request}, MANIFEST),
        ("no progress is told", {"told": no_progress}, AGREED),
        ("a batch is signed in part", of("result", the_first), SIGNED),
    )


def of_the_schema():
    """Pairs of a value and a schema that it does not fit."""
    return (
        ([1], {"minItems": 2}), ([1, 2], {"maxItems": 1}), (1 << 32, {"format": "uint32"}), (-1, {"minimum": 0}),
        (2, {"maximum": 1}), (True, {"type": "integer"}), ("a", {"pattern": "^b"}), ({}, {"required": ["a"]}),
        ({"a": 1}, {"additionalProperties": False}), ({"a": 1}, {"properties": {"a": {"const": 2}}}), (3, {"enum": [1, 2]}),
        ([1], {"items": {"type": "string"}}), (1, {"oneOf": [{"const": 1}, {"type": "integer"}]}),
        (1, {"anyOf": [{"const": 2}]}),
        (1, {"allOf": [{"const": 1}, {"const": 2}]}), ("x", {"$ref": "#/$defs/Stage"}),
    )


def outcome(options, proxy, cases):
    """What each of these cases said, and what the suite printed."""
    suite = conformance.Suite(SimpleNamespace(
        websocket=f"127.0.0.1:{proxy.port}", origin=options.origin, socket=None, stranger="https://stranger.example",
        approving=True, refusing=None, hanging=None,
    ))
    out = io.StringIO()
    conformance.run(suite, ["case_" + case.replace(" ", "_") for case in cases], out)
    said = out.getvalue()
    return {case: held == "ok" for held, case in re.findall(r"^(ok|not ok) \d+ - (.+)$", said, re.M)}, said


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--websocket", required=True, metavar="ADDRESS:PORT", help="where the daemon listens")
    parser.add_argument("--origin", required=True, help="one that the daemon has granted every scope, whose person agrees")
    options = parser.parse_args()
    host, port = options.websocket.rsplit(":", 1)
    proxy = Proxy(host, int(port))
    every = (HANDSHAKE, HELLO, BAD, UNKNOWN, PIECES, MANIFEST, HOST, AGREED, SIGNED, *BESIDE)
    table = [("nothing", {}, ()), *everything(options)]
    print(f"TAP version 14\n1..{len(table) + 1}")
    failed = 0

    def tell(number, holds, what, why):
        nonlocal failed
        failed += not holds
        print(f"{'ok' if holds else 'not ok'} {number} - {what}", flush=True)
        if not holds:
            print("".join(f"  # {line}\n" for line in why.splitlines()), end="", flush=True)

    for number, (what, broken, found_by) in enumerate(table, 1):
        found_by = (found_by,) if isinstance(found_by, str) else found_by
        # Two more come after it, so that a suite that dies of it is found as well.
        cases = dict.fromkeys((*found_by, *BESIDE)) if found_by else every
        proxy.broken = broken
        came, said = outcome(options, proxy, cases)
        tell(number, came == {case: case not in found_by for case in cases}, f"broken: {what}", said)
    passed = [pair for pair in of_the_schema() if conformance.matches(*pair)]
    tell(len(table) + 1, not passed, "values that do not fit their schema", repr(passed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
