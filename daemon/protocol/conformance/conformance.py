#!/usr/bin/env python3
"""Holds any build of a Triện daemon against the protocol. See README.md beside this file.

    conformance.py --websocket 127.0.0.1:PORT --origin https://portal.example [--socket PATH] [--stranger ORIGIN]
                   [--approving] [--refusing ORIGIN] [--hanging ORIGIN] [--case WORDS]…

Uses nothing but Python's own library: a plain TCP socket, so that what no browser would send can be sent too. Prints
one line a case (TAP 14); status 0 if all hold.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import socket
import struct
import sys
import time
from collections import Counter
from pathlib import Path

SCHEMA = json.loads((Path(__file__).parent.parent / "schema" / "trien.v1.json").read_text(encoding="utf-8"))
PATIENCE = 20
REFUSED = b"HTTP/1.1 403"
# RFC 6455, 1.3.
HANDSHAKE = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Broken(Exception):
    """What the daemon did is not what the protocol says."""


def demand(condition, why):
    if not condition:
        raise Broken(why)


# --- JSON Schema, as much of it as the protocol uses ------------------------------------------------------------------

HELD = {
    "$ref", "oneOf", "anyOf", "allOf", "const", "enum", "type", "pattern", "minimum", "maximum", "format", "required",
    "properties", "additionalProperties", "items", "minItems", "maxItems",
}
PASSED_OVER = {"$schema", "$defs", "title", "description", "default"}
# What the file says beside the schema of a message.
OF_THE_PROTOCOL = {"version", "capabilities", "limits", "errors", "methods", "notification", "opening"}
FORMATS = {"int32": (-(1 << 31), (1 << 31) - 1), "uint32": (0, (1 << 32) - 1), "uint64": (0, (1 << 64) - 1)}


def check(value, schema, path="$"):
    """Raises Broken where a value does not fit a schema."""
    if schema is True:
        return
    unknown = schema.keys() - HELD - PASSED_OVER - OF_THE_PROTOCOL
    if unknown:
        raise NotImplementedError(f"nothing here holds a value against {sorted(unknown)}")
    if "$ref" in schema:
        target = SCHEMA
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        check(value, target, path)
    for word, number in (("oneOf", 1), ("anyOf", None)):
        if word in schema:
            fits = sum(matches(value, one) for one in schema[word])
            demand(fits == number if number else fits > 0, f"{path}: {fits} of {word} fit")
    for part in schema.get("allOf", []):
        check(value, part, path)
    if "const" in schema:
        demand(value == schema["const"], f"{path}: not {schema['const']!r}")
    if "enum" in schema:
        demand(value in schema["enum"], f"{path}: {value!r} is not in the list")
    kinds = schema.get("type")
    if kinds:
        kinds = [kinds] if isinstance(kinds, str) else kinds
        demand(any(is_a(value, kind) for kind in kinds), f"{path}: {type(value).__name__} is not {kinds}")
    if isinstance(value, str) and "pattern" in schema:
        demand(re.search(schema["pattern"], value), f"{path}: {value!r} does not match")
    if is_a(value, "integer"):
        demand(value >= schema.get("minimum", value), f"{path}: too small")
        demand(value <= schema.get("maximum", value), f"{path}: too large")
        least, most = FORMATS.get(schema.get("format"), (value, value))
        demand(least <= value <= most, f"{path}: not of {schema.get('format')}")
    if isinstance(value, dict):
        for name in schema.get("required", []):
            demand(name in value, f"{path}: {name} is missing")
        for name, one in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", True))
            demand(inner is not False, f"{path}: {name} has no place there")
            check(one, inner, f"{path}.{name}")
    if isinstance(value, list):
        demand(len(value) >= schema.get("minItems", 0), f"{path}: too few")
        demand(len(value) <= schema.get("maxItems", len(value)), f"{path}: too many")
        for index, one in enumerate(value):
            check(one, schema.get("items", True), f"{path}[{index}]")


def matches(value, schema):
    try:
        check(value, schema)
    except Broken:
        return False
    return True


def is_a(value, kind):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {
        "object": isinstance(value, dict), "array": isinstance(value, list), "string": isinstance(value, str),
        "boolean": isinstance(value, bool), "null": value is None, "number": number,
        "integer": number and float(value).is_integer(),
    }[kind]


# --- The two roads ----------------------------------------------------------------------------------------------------


class Closed(Exception):
    def __init__(self, code):
        super().__init__(f"closed with {code}")
        self.code = code


class Conversation:
    """JSON-RPC over a road: `send`, `receive`, and every message held against the schema. No request has more than one
    end, and none is heard of after it: what comes late is heard at the end of `with`."""

    last = 0
    ended = False
    # The bytes that came with the last message, if it was a binary one.
    bytes = None

    def __init__(self):
        # How many replies each id that was sent is still owed.
        self.owed = Counter()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and not self.ended:
                self.leave()
        finally:
            self.socket.close()

    def ask(self, method, params=None, **more):
        self.last += 1
        self.owed[self.last] += 1
        message = {"jsonrpc": "2.0", "id": self.last, "method": method, **more}
        if params is not None:
            message["params"] = params
        self.send(json.dumps(message))
        return self.last

    def hear(self):
        message = json.loads(self.receive())
        check(message, SCHEMA)
        if "method" in message:
            demand("id" not in message, f"a request from the daemon: {message}")
            check(message, SCHEMA["notification"])
            if message["method"] == "progress":
                demand(self.owed[message["params"]["request"]] > 0, f"progress of what is not at work: {message}")
        elif message["id"] is not None:
            demand(self.owed[message["id"]] > 0, f"a reply to what is not at work: {message}")
            self.owed[message["id"]] -= 1
        if "error" in message:
            error = message["error"]
            code = error["data"]["code"]
            demand(SCHEMA["errors"].get(code) == error["code"], f"{code} has the number {error['code']}")
            for language in ("vi", "en"):
                demand(error["data"]["message"][language] and error["data"]["remedy"][language], f"{code}: no text")
        return message

    def reply(self, request, method=None):
        while True:
            message = self.hear()
            if message.get("id") == request and "method" not in message:
                if method and "result" in message:
                    check(message["result"], SCHEMA["methods"][method]["result"], "result")
                return message

    def call(self, method, params=None):
        return self.reply(self.ask(method, params), method)

    def story(self, method, params):
        """What the page hears of a request: the stages that its progress came through, and the result."""
        request, stages = self.ask(method, params), []
        while True:
            message = self.hear()
            if message.get("id") == request and "method" not in message:
                demand("result" in message, f"{method}: {message}")
                check(message["result"], SCHEMA["methods"][method]["result"], "result")
                return stages, message["result"]
            if message.get("method") == "progress":
                told = message["params"]
                demand(told["request"] == request and told["done"] <= told["total"], f"{method}: {told}")
                stages.append(told["stage"])

    def upload(self, data, chunk=400_000):
        """A document in pieces; gives its name."""
        digest = hashlib.sha256(data).hexdigest()
        for offset in range(0, len(data), chunk):
            params = {"sha256": digest, "size": len(data), "offset": offset}
            answer = self.reply(self.piece(params, data[offset:offset + chunk]), "upload")
            demand("result" in answer, f"upload: {answer}")
        demand(answer["result"]["sealed"], "the document is not sealed")
        return digest

    def download(self, digest, size):
        data = b""
        while len(data) < size:
            result = self.call("download", {"sha256": digest, "offset": len(data), "length": 1 << 30})["result"]
            piece = base64.b64decode(result["data"]) if "data" in result else self.bytes
            demand(piece, "a piece without bytes")
            data += piece
        demand(hashlib.sha256(data).hexdigest() == digest, "a document of another digest")
        return data

    def hello(self, **more):
        return self.call("hello", {"versions": [1], "client": "conformance", **more})

    def exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                part = self.socket.recv(count - len(data))
            except socket.timeout:
                raise Broken(f"nothing came in {PATIENCE} s") from None
            except OSError:
                part = b""
            if not part:
                raise Closed(None)
            data += part
        return data

    def closes(self, *codes):
        self.ended = True
        try:
            while True:
                self.hear()
        except Closed as closed:
            demand(closed.code in codes, f"closed with {closed.code}, not {codes}")


class WebSocket(Conversation):
    def __init__(self, suite, **changes):
        super().__init__()
        self.socket = socket.create_connection((suite.host, suite.port), PATIENCE)
        request = suite.handshake(**changes)
        self.socket.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.socket.recv(1)
            demand(part, f"no answer to the handshake: {head!r}")
            head += part
        demand(head.startswith(b"HTTP/1.1 101 "), f"the handshake got {head!r}")
        self.agreed(head.decode("latin-1"), re.search(r"Sec-WebSocket-Key: (.*)\r", request)[1])

    @staticmethod
    def agreed(head, key):
        """RFC 6455, 4.1: what the client has to fail the connection for."""
        fields = {}
        for line in head.split("\r\n")[1:-2]:
            name, _, value = line.partition(":")
            demand(name.lower() not in fields, f"the handshake has {name} twice")
            fields[name.lower()] = value.strip()
        accept = base64.b64encode(hashlib.sha1((key + HANDSHAKE).encode()).digest()).decode()
        demand(fields.get("sec-websocket-accept") == accept, f"the accept is of another key: {head!r}")
        demand(fields.get("upgrade", "").lower() == "websocket", f"upgraded to something else: {head!r}")
        demand("upgrade" in re.split(r"[ ,]+", fields.get("connection", "").lower()), f"no upgrade: {head!r}")
        demand(fields.get("sec-websocket-protocol") == "trien.v1", f"another subprotocol: {head!r}")
        for name in fields:
            demand(name not in ("sec-websocket-extensions", "server"), f"the handshake says {name}")
            demand(not name.startswith("access-control"), f"the handshake says {name}")

    def send(self, text, opcode=1, fin=0x80, masked=True):
        payload = text.encode() if isinstance(text, str) else text
        head = bytes([fin | opcode])
        bit = 0x80 if masked else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        key = b"\0\0\0\0" if masked else b""
        self.raw(head + key + payload)

    def raw(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # who is refused in the middle cannot send it all

    def receive(self):
        kind, payload = self.message()
        self.bytes = None
        if kind == 2:
            inner = int.from_bytes(payload[:4], "little")
            demand(4 + inner <= len(payload), "a binary message that is cut off")
            payload, self.bytes = payload[4:4 + inner], payload[4 + inner:]
        return payload.decode()

    def message(self):
        kind, message = 0, b""
        while True:
            first, second = self.exactly(2)
            demand(first & 0x70 == 0, "a bit of an extension that was not agreed on")
            demand(second & 0x80 == 0, "a masked frame from the daemon")
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(self.exactly(2 if length == 126 else 8), "big")
            demand(len(message) + length <= SCHEMA["limits"]["message"], f"a message of {len(message) + length} bytes")
            payload, opcode = self.exactly(length), first & 0x0F
            if opcode == 8:
                raise Closed(int.from_bytes(payload[:2], "big") if payload else None)
            if opcode == 9:
                self.send(payload, opcode=10)
            elif opcode != 10:
                demand(opcode == 0 if kind else opcode in (1, 2), f"a frame of the kind {opcode}")
                kind, message = kind or opcode, message + payload
                if first & 0x80:
                    return kind, message

    def leave(self):
        self.send(struct.pack(">H", 1000), opcode=8)
        self.closes(1000)

    def piece(self, params, data):
        self.last += 1
        self.owed[self.last] += 1
        message = json.dumps({"jsonrpc": "2.0", "id": self.last, "method": "upload", "params": params}).encode()
        self.send(struct.pack("<I", len(message)) + message + data, opcode=2)
        return self.last


class UserSocket(Conversation):
    def __init__(self, suite, opening=None):
        super().__init__()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(suite.path)
        usual = {"from": "extension", "origin": suite.origin, "top_origin": suite.origin}
        check(usual, SCHEMA["opening"], "opening")
        self.send(json.dumps(opening or usual))

    def leave(self):
        self.socket.shutdown(socket.SHUT_WR)
        self.closes(None)

    def piece(self, params, data):
        return self.ask("upload", {**params, "data": base64.b64encode(data).decode()})

    def send(self, text):
        self.socket.sendall(struct.pack("<I", len(text.encode())) + text.encode())

    def receive(self):
        (length,) = struct.unpack("<I", self.exactly(4))
        demand(0 < length <= SCHEMA["limits"]["native_message"], f"a frame of {length} bytes")
        return self.exactly(length).decode()


# --- The cases --------------------------------------------------------------------------------------------------------


class Suite:
    def __init__(self, options):
        self.host, port = options.websocket.rsplit(":", 1)
        self.port, self.origin, self.path, self.stranger = int(port), options.origin, options.socket, options.stranger
        self.approving, self.refusing, self.hanging = options.approving, options.refusing, options.hanging

    def handshake(self, drop=(), request="GET /v1 HTTP/1.1", extra="", **changes):
        fields = {
            "Host": f"{self.host}:{self.port}", "Origin": self.origin, "Connection": "keep-alive, Upgrade",
            "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Protocol": "trien.v1",
        }
        fields.update({name.replace("_", "-"): value for name, value in changes.items()})
        lines = [request] + [f"{name}: {value}" for name, value in fields.items() if name not in drop]
        return "\r\n".join(lines) + "\r\n" + extra + "\r\n"

    def refused(self, text, what):
        with socket.create_connection((self.host, self.port), PATIENCE) as connection:
            answer = b""
            try:
                connection.sendall(text if isinstance(text, bytes) else text.encode())
                # What else it may be goes on for as long as it likes.
                while answer[:len(REFUSED)] == REFUSED[:len(answer)] and (part := connection.recv(4096)):
                    answer += part
            except socket.timeout:
                raise Broken(f"{what}: open after {PATIENCE} s, with {answer[:80]!r}") from None
            except OSError:
                pass
        demand(answer.startswith(REFUSED) or not answer, f"{what}: {answer[:80]!r}")
        for word in (b"access-control", b"server:", b"trien"):
            demand(word not in answer.lower(), f"{what}: the refusal says {word!r}")

    # The handshake (RFC 6455, section 4.2.1, and who may make it).

    def case_a_good_handshake_is_accepted_without_extensions(self):
        for fields in (
            {"Sec_WebSocket_Extensions": "permessage-deflate"}, {"Sec_WebSocket_Protocol": "trien.v2, trien.v1"},
            {"Cookie": "a=b", "Authorization": "Basic eA==", "X_Forwarded_For": "127.0.0.1"},
        ):
            with WebSocket(self, **fields) as page:
                page.hello()

    def case_only_the_exact_origin(self):
        host = self.origin.removeprefix("https://")
        for origin in (
            "null", "", self.stranger, f"http://{host}", f"https://{host}:8443", f"https://{host}:443",
            f"https://{host}/", f"https://{host}.", f"https://{host.upper()}", f"https://{host}.evil.example",
            f"https://evil{host}", f"https://{host}@evil.example", f"{self.origin}, {self.stranger}",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "moz-extension://0f0f", "file://",
        ):
            self.refused(self.handshake(Origin=origin), f"origin {origin!r}")
        self.refused(self.handshake(drop=["Origin"]), "no origin")
        self.refused(self.handshake(extra=f"Origin: {self.origin}\r\n"), "two origins")

    def case_only_a_loopback_host_with_the_port(self):
        for host in (
            "evil.example", "127.0.0.1", f"127.0.0.1:{self.port ^ 1}", f"localhost.evil.example:{self.port}",
            f"127.0.0.1.evil.example:{self.port}", f"0.0.0.0:{self.port}", f"2130706433:{self.port}",
        ):
            self.refused(self.handshake(Host=host), f"host {host!r}")
        self.refused(self.handshake(drop=["Host"]), "no host")

    def case_there_is_nothing_else_to_ask_for(self):
        for request in (
            "GET / HTTP/1.1", "GET /v1?x HTTP/1.1", "GET //v1 HTTP/1.1", "GET /v1/../v1 HTTP/1.1", "GET /%761 HTTP/1.1",
            "GET http://evil/v1 HTTP/1.1", "GET /status HTTP/1.1", "POST /v1 HTTP/1.1", "OPTIONS /v1 HTTP/1.1",
            "GET /v1 HTTP/1.0",
        ):
            self.refused(self.handshake(request=request), request)
        for rubbish in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"SSH-2.0-x\r\n\r\n"):
            self.refused(rubbish, repr(rubbish))

    def case_the_fields_of_a_websocket(self):
        for name, value in (
            ("Sec_WebSocket_Version", "12"), ("Sec_WebSocket_Key", "dGhlIHNhbXBsZSBub25j"),
            ("Sec_WebSocket_Key", "not base64"), ("Upgrade", "h2c"), ("Connection", "keep-alive"),
            ("Sec_WebSocket_Protocol", "trien.v2"), ("Sec_Fetch_Mode", "cors"),
        ):
            self.refused(self.handshake(**{name: value}), f"{name}: {value}")
        self.refused(self.handshake(drop=["Sec-WebSocket-Protocol"]), "no subprotocol")

    def case_a_head_has_limits(self):
        self.refused(self.handshake(extra=f"X: {'a' * 9000}\r\n"), "a long head")
        self.refused(self.handshake(extra="X: y\r\n" * 70), "many fields")

    # What is said.

    def case_hello_agrees_on_version_and_capabilities(self):
        for page in self.roads():
            demand(page.call("certificates", {})["error"]["data"]["code"] == "hello_expected", "before hello")
            demand(page.call("hello", {"versions": [99]})["error"]["data"]["code"] == "version_mismatch", "99")
            answer = page.hello(capabilities=SCHEMA["capabilities"] + ["unheard_of"], unheard_of=1)["result"]
            demand(answer["version"] == SCHEMA["version"], "version")
            demand(set(answer["capabilities"]) <= set(SCHEMA["capabilities"]), "capabilities")
            demand(page.hello()["error"]["data"]["code"] == "hello_expected", "twice")
        with WebSocket(self) as one, WebSocket(self) as another:
            first, second = (page.hello()["result"]["session"] for page in (one, another))
        demand(len(first) == 32 and first != second, "sessions")

    def case_a_bad_message_gets_an_error_and_the_third_in_a_row_ends_it(self):
        base = '{"jsonrpc":"2.0","id":9,"method":"certificates","params":%s}'
        for bad in (
            "]", "null", "7", "[]", "\ufeff{}", "{} {}", "\0", "[" * 10_000, base % '{"origin":"https://x"}',
            base % '{"__proto__":{}}', base % '{"tax_code":1}', base % '{"tax_code":"a","tax_code":"b"}',
            base % '{"tax_code":"\\ud800"}', '{"jsonrpc":"1.0","id":9,"method":"hello"}',
            '{"jsonrpc":"2.0","id":1e400,"method":"hello"}',
        ):
            with WebSocket(self) as page:
                # Whether its id was read is nobody's promise.
                page.owed[9] += 1
                page.send(bad)
                demand(page.hear()["error"]["data"]["code"] == "bad_request", bad[:60])
        with WebSocket(self) as page:
            for _ in range(SCHEMA["limits"]["bad_messages"]):
                page.send("nonsense")
                page.hear()
            page.closes(1008)

    def case_unknown_methods_and_ids_that_do_not_grow(self):
        with WebSocket(self) as page:
            page.hello()
            demand(page.call("no_such_method", {})["error"]["data"]["code"] == "method_not_found", "an unknown method")
            page.owed[1] += 1
            page.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "cancel", "params": {"request": 1}}))
            demand(page.hear()["error"]["data"]["code"] == "bad_request", "an old id")
            demand(page.call("cancel", {"request": 77})["result"]["cancelled"] is False, "nothing to cancel")

    def case_frames_that_are_none(self):
        for frame, code in (
            (b"\x81\x82\0\0\0\0\xff\xfe", 1007), (b"\x81\x02{}", 1002), (b"\xc1\x82\0\0\0\0{}", 1002),
            (b"\x83\x82\0\0\0\0{}", 1002), (b"\x81\xff" + struct.pack(">Q", 1 << 20 | 1) + b"\0\0\0\0", 1009),
        ):
            with WebSocket(self) as page:
                page.raw(frame + b" " * 64)
                page.closes(code)

    def case_documents_travel_in_pieces(self):
        with WebSocket(self) as page:
            page.hello()
            data = os.urandom(1_500_000)
            digest = page.upload(data)
            demand(page.upload(data) == digest, "the same document once more")
            got = b""
            while len(got) < len(data):
                answer = page.call("download", {"sha256": digest, "offset": len(got), "length": 1 << 30})
                demand(answer["result"]["size"] == len(data), f"download: {answer}")
                demand(page.bytes, "a piece without bytes")
                demand(len(page.bytes) <= SCHEMA["limits"]["chunk"], "a piece")
                got += page.bytes
            demand(got == data, "other bytes came back")
            bad = {"sha256": digest, "size": 10, "offset": 0, "data": base64.b64encode(b"0123456789").decode()}
            demand(page.call("upload", bad)["error"]["data"]["code"] == "upload_mismatch", "another size")
            other = {**bad, "sha256": "00" * 32}
            demand(page.call("upload", other)["error"]["data"]["code"] == "upload_mismatch", "another digest")
            missing = {"sha256": "11" * 32, "offset": 0, "length": 1}
            demand(page.call("download", missing)["error"]["data"]["code"] == "document_missing", "no such document")

    def case_what_cannot_be_right_is_refused_before_anybody_is_asked(self):
        with WebSocket(self) as page:
            page.hello()
            digest = base64.b64encode(bytes(32)).decode()
            for method, params in (
                ("authenticate", {"nonce": "A" * 43}), ("authenticate", {"nonce": "A" * 129}),
                ("sign_digest", {"certificate": "00", "hash": "MD5", "digest": digest}),
                ("sign_digest", {"certificate": "00", "hash": "SHA-384", "digest": digest}),
                ("sign_documents", {"documents": [], "format": "pades"}),
                ("sign_documents", {"documents": [], "format": "odf"}),
                ("sign_documents", {"documents": [{"name": "x", "sha256": "00", "size": 1}], "format": "pades"}),
                ("sign_documents", {"documents": [{"name": "x", "sha256": "00" * 32, "size": 1 << 40}], "format": "pades"}),
                ("verify_documents", {"documents": [{"name": "x", "sha256": "00" * 32, "size": 1 << 40}]}),
                ("verify_documents", {"documents": []}),
            ):
                answer = page.call(method, params)
                demand("error" in answer, f"{method} {params}: {answer}")

    def case_a_page_that_asks_too_much_is_told(self):
        with WebSocket(self) as page:
            page.hello()
            # On a slow computer a burst may take as long as it takes to be allowed the next.
            codes, count = set(), 1000
            for _ in range(20):
                for _ in range(count):
                    page.ask("hello", {"versions": [1]})
                codes |= {page.hear()["error"]["data"]["code"] for _ in range(count)}
                if "rate_limited" in codes:
                    break
            demand(codes == {"hello_expected", "rate_limited"}, f"{codes}")
            time.sleep(3)
            demand(page.hello()["error"]["data"]["code"] == "hello_expected", "for ever")

    def case_a_stranger_on_the_user_socket_learns_nothing(self):
        if not self.path:
            return "no --socket"
        for opening in (
            {"from": "extension", "origin": self.stranger, "top_origin": self.stranger},
            {"from": "extension", "origin": self.origin, "top_origin": self.stranger},
            {"from": "extension", "origin": "null", "top_origin": "null"},
        ):
            with UserSocket(self, opening) as page:
                demand(page.hear()["error"]["data"]["code"] == "not_allowed", f"{opening}")
                page.closes(None)
        with UserSocket(self, {"from": "shell"}) as page:
            demand(page.hear()["error"]["data"]["code"] == "bad_request", "an opening")
            page.closes(None)

    def case_a_manifest_comes_before_its_documents_and_what_deviates_ends_it(self):
        for page in self.roads():
            demand("manifest" in page.hello(capabilities=["manifest"])["result"]["capabilities"], "the capability")
            data = os.urandom(1000)
            document = {"name": "x", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            piece = {"sha256": document["sha256"], "size": len(data), "offset": 0}
            stranger = hashlib.sha256(b"!").hexdigest()
            for deviation, body in (
                ({"sha256": stranger, "size": 1, "offset": 0}, b"!"), ({**piece, "size": 1001}, data),
                ({**piece, "offset": 1}, data[1:]), (piece, data + b"!"), (piece, bytes(1000)),
            ):
                asked, upload = self.waiting(page, document), page.piece(deviation, body)
                answers = {}
                while not {asked, upload} <= answers.keys():
                    message = page.hear()
                    if "method" not in message:
                        answers[message["id"]] = message
                for request, code in ((asked, "batch_mismatch"), (upload, "upload_mismatch")):
                    demand(answers[request].get("error", {}).get("data", {}).get("code") == code, f"{deviation}: {answers[request]}")
            asked = self.waiting(page, document)
            demand(page.call("cancel", {"request": asked})["result"]["cancelled"] is True, "a request that waits")
            demand(page.reply(asked)["error"]["data"]["code"] == "cancelled", "a request that waits")
            asked = self.waiting(page, document)
            page.upload(data)
            # It is no signature, which is known only from its bytes.
            demand(page.reply(asked)["error"]["data"]["code"] == "document_unreadable", "what came was not looked at")

    def case_a_client_that_did_not_name_the_manifest_is_told_what_is_missing(self):
        for page in self.roads():
            others = [name for name in SCHEMA["capabilities"] if name != "manifest"]
            demand(page.hello(capabilities=others)["result"]["capabilities"] == others, "the capabilities")
            data = os.urandom(1000)
            document = {"name": "x", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for method, params in (("verify_documents", {}), ("sign_documents", {"format": "cades_detached"})):
                answer = page.call(method, {"documents": [document], **params})
                demand(answer.get("error", {}).get("data", {}).get("code") == "document_missing", f"{method}: {answer}")
            # Nothing waits, so that anything may be uploaded.
            page.upload(b"!")
            page.upload(data)
            answer = page.call("verify_documents", {"documents": [document]})
            demand(answer["error"]["data"]["code"] == "document_unreadable", f"what came was not looked at: {answer}")

    def waiting(self, page, document):
        """A request whose document is waited for."""
        asked = page.ask("verify_documents", {"documents": [document]})
        while (told := page.hear()).get("method") == "tokens_changed":
            pass
        demand(told.get("method") == "progress", f"{told}")
        expected = {"request": asked, "stage": "collecting", "done": 0, "total": 1}
        demand(told["params"] == expected, f"{told}")
        return asked

    # What a person answers.

    def case_what_the_person_agrees_to_is_delivered(self):
        if not self.approving:
            return "no --approving"
        for page in self.roads():
            page.hello(capabilities=SCHEMA["capabilities"])
            stages, certificate = page.story("certificates", {})
            demand(stages[:1] == ["asking"], f"certificates: {stages}")
            demand(hashlib.sha256(base64.b64decode(certificate["certificate"])).hexdigest() == certificate["sha256"], "its name")
            nonce = base64.b64encode(os.urandom(32)).decode()
            stages, token = page.story("authenticate", {"nonce": nonce})
            demand("asking" in stages and token["format"] == "web-eid:1.0", f"authenticate: {stages}")
            digest = {"certificate": certificate["sha256"], "hash": "SHA-256"}
            stages, signed = page.story("sign_digest", {**digest, "digest": base64.b64encode(os.urandom(32)).decode()})
            demand("asking" in stages and signed["signature"], f"sign_digest: {stages}")
            digests = [{"name": f"{n}", "digest": base64.b64encode(os.urandom(32)).decode()} for n in range(3)]
            stages, signed = page.story("sign_digests", {**digest, "digests": digests})
            demand(stages.count("asking") == 1 and "signing" in stages, f"sign_digests: {stages}")
            demand([one["status"] for one in signed["signatures"]] == ["signed"] * 3, "sign_digests")
            demand(len(signed["receipt"]["results"]) == 3, "a receipt has a result for each")

    def case_documents_that_the_person_agrees_to_are_signed(self):
        if not self.approving:
            return "no --approving"
        for page in self.roads():
            page.hello(capabilities=SCHEMA["capabilities"])
            self.documents_are_signed(page)

    def documents_are_signed(self, page):
        contents = [os.urandom(1000 + n) for n in range(2)]
        documents = [
            {"name": f"{n}.bin", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for n, data in enumerate(contents)
        ]
        # One before its manifest, and one after it.
        page.upload(contents[0])
        self.documents_follow(page, documents, contents[1])
        key = os.urandom(12).hex()
        params = {"documents": documents, "format": "cades_attached", "idempotency_key": key}
        stages, signed = page.story("sign_documents", params)
        demand(stages.count("asking") == 1 and "signing" in stages, f"sign_documents: {stages}")
        lines = "".join(f"{one['sha256']}\n{one['size']}\n{len(one['name'])}\n{one['name']}\n" for one in documents)
        demand(signed["receipt"]["manifest"] == hashlib.sha256(lines.encode()).hexdigest(), "the manifest of the receipt")
        for list_of in (signed["documents"], signed["receipt"]["results"]):
            demand(len(list_of) == 2, f"sign_documents: {signed}")
        for one, data, result in zip(signed["documents"], contents, signed["receipt"]["results"]):
            demand(one["status"] == "signed" and one["sha256"] == result, f"sign_documents: {one}")
            demand(data in page.download(one["sha256"], one["size"]), "the signature does not hold its document")
        stages, again = page.story("sign_documents", params)
        demand("asking" not in stages and again == signed, "the same key asks again, or gives another reply")
        other = page.call("sign_documents", {**params, "reason": "another"})
        demand(other["error"]["data"]["code"] == "key_reused", f"the key of another request: {other}")
        answer = page.call("verify_documents", {"documents": [
            {"name": "x", "sha256": one["sha256"], "size": one["size"]} for one in signed["documents"]
        ]})
        demand(len(answer["result"]["documents"]) == 2, f"verify_documents: {answer}")

    def documents_follow(self, page, documents, data):
        asked, stages, result = page.ask("sign_documents", {"documents": documents, "format": "cades_detached"}), [], None
        while result is None:
            message = page.hear()
            if message.get("id") == asked:
                result = message
            elif message.get("method") == "progress":
                told = message["params"]
                if told["stage"] == "collecting" and "collecting" not in stages:
                    demand((told["done"], told["total"]) == (1, 2), f"{told}")
                    page.piece({"sha256": documents[1]["sha256"], "size": len(data), "offset": 0}, data)
                stages.append(told["stage"])
        demand("result" in result, f"{result}")
        check(result["result"], SCHEMA["methods"]["sign_documents"]["result"], "result")
        demand([one["status"] for one in result["result"]["documents"]] == ["signed"] * 2, f"{result}")
        demand(stages.index("collecting") < stages.index("asking") and stages.count("asking") == 1, f"{stages}")

    def case_a_no_is_said_and_the_second_in_a_row_mutes_the_page(self):
        if not self.refusing:
            return "no --refusing"
        with WebSocket(self, Origin=self.refusing) as page:
            page.hello()
            told = [page.call("certificates", {})["error"]["data"]["code"] for _ in range(3)]
            demand(told == ["cancelled", "cancelled", "user_muted"], f"{told}")

    def case_a_question_is_taken_back_one_waits_and_the_rest_are_busy(self):
        if not self.hanging:
            return "no --hanging"
        with WebSocket(self, Origin=self.hanging) as page:
            page.hello()
            asked = [page.ask("certificates", {}) for _ in range(3)]
            answers = {}
            # Which of them it is, is nobody's promise.
            while not answers:
                message = page.hear()
                if "method" not in message:
                    answers[message["id"]] = message
            (busy,) = answers
            demand(answers[busy]["error"]["data"]["code"] == "busy", f"{answers}")
            for request in set(asked) - {busy}:
                cancel = page.ask("cancel", {"request": request})
                while not {request, cancel} <= answers.keys():
                    message = page.hear()
                    if "method" not in message:
                        answers[message["id"]] = message
                demand(answers[cancel]["result"]["cancelled"] is True, f"{answers[cancel]}")
                demand(answers[request]["error"]["data"]["code"] == "cancelled", f"{answers[request]}")

    def roads(self):
        with WebSocket(self) as page:
            yield page
        if self.path:
            with UserSocket(self) as page:
                yield page


def run(suite, names, out=sys.stdout):
    """Prints a line for each of these cases, and gives how many do not hold."""
    print(f"TAP version 14\n1..{len(names)}", file=out)
    failed = 0
    for number, name in enumerate(names, 1):
        try:
            skipped = getattr(suite, name)()
            print(f"ok {number} - {words(name)}" + (f" # SKIP {skipped}" if skipped else ""), file=out, flush=True)
        # What a daemon answers may break any assumption of a case; the others are tried all the same.
        except Exception as why:
            failed += 1
            told = " ".join(f"{type(why).__name__}: {why}".split())
            print(f"not ok {number} - {words(name)}\n  # {told}", file=out, flush=True)
    return failed


def words(name):
    return name.removeprefix("case_").replace("_", " ")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--websocket", required=True, metavar="ADDRESS:PORT", help="where the daemon listens")
    parser.add_argument("--origin", required=True, help="one that the daemon has granted every scope")
    parser.add_argument("--socket", metavar="PATH", help="the per-user socket, to test that road as well")
    parser.add_argument("--stranger", default="https://stranger.example", help="an origin that has no permission")
    parser.add_argument("--approving", action="store_true", help="there is a token, and its person agrees to all of it")
    parser.add_argument("--refusing", metavar="ORIGIN", help="one with every scope, whose questions the person refuses")
    parser.add_argument("--hanging", metavar="ORIGIN", help="one with every scope, whose questions the person leaves open")
    parser.add_argument("--case", action="append", metavar="WORDS", help="only those whose line has these words")
    options = parser.parse_args()
    names = [name for name in dir(Suite) if name.startswith("case_")]
    if options.case:
        names = [name for name in names if any(part in words(name) for part in options.case)]
    if not names:
        parser.error("no case has these words")
    failed = run(Suite(options), names)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
