import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import test, { after, afterEach } from "node:test";
import { WebSocketServer } from "ws";
import { mockTexts } from "../../mock-texts.mjs";
import { load } from "../../tests/peer/load.mjs";
import { openPage } from "../../tests/peer/page.mjs";
import { CASES, until } from "../../tests/peer/requests.mjs";
import { conforms, hold, listen } from "../../tests/peer/wire.mjs";

const { Trien } = await load("sdk/src/index.ts");
const { playTrien } = await load("sdk/src/mock.ts");
const { MARK } = await load("sdk/src/bridge.ts");

/** A challenge as a portal's server makes it. */
const NONCE = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64");

/** What page and mock say to each other, in every test of this file. */
const pages = [];
const names = new Set();
const page = () => pages.push(listen(openPage()));

afterEach(() => pages.splice(0).flatMap(hold).forEach((name) => names.add(name)));

after(() => {
  const { methods } = JSON.parse(readFileSync(new URL("../../../daemon/protocol/schema/trien.v1.json", import.meta.url), "utf8"));
  for (const method of Object.keys(methods)) assert.ok(names.has(method) && names.has(`${method} replied`), method);
  for (const name of ["progress", "pin_locked", "not_allowed", "cancelled"]) assert.ok(names.has(name), name);
});

/** The mock in a fresh page, and what a portal's code gets of it; both end with the test. */
async function connected(context, options) {
  page();
  const mock = playTrien(options);
  const trien = await Trien.connect({ roads: ["extension"] });
  context.after(() => (trien.close(), mock.close()));
  return { mock, trien };
}

test("a message is held against the schema: what is wrong, missing or unknown is found", () => {
  const reply = (result) => ({ jsonrpc: "2.0", id: 1, result });
  const hello = { version: 1, session: "00", capabilities: [], scopes: [], max_chunk: 1, max_document: 1 };
  const question = { session: "s", message: { jsonrpc: "2.0", id: 1, method: "hello", params: { versions: [1] } } };
  const answered = (result) => () => hold([question, { session: "s", message: reply(result), reply: true }]);
  assert.deepEqual(answered(hello)(), ["hello", "hello replied"]);
  for (const wrong of [{}, { ...hello, version: "1" }, { ...hello, scopes: undefined }, { ...hello, more: 1 }, { ...hello, max_chunk: -1 }]) {
    assert.throws(answered(wrong), /is no #\/\$defs\/HelloReply/, JSON.stringify(wrong));
  }
  assert.throws(() => conforms("", { ...reply({}), jsonrpc: "1.0" }));
  assert.throws(() => hold([{ session: "s", message: { jsonrpc: "2.0", method: "progress", params: { request: 1 } }, reply: true }]));
  const replied = { session: "s", message: reply(hello), reply: true };
  assert.throws(() => hold([question, replied, replied]), /a second reply/);
  const progress = { jsonrpc: "2.0", method: "progress", params: { request: 1, stage: "signing", done: 0, total: 1 } };
  const noted = { session: "s", message: progress, reply: true };
  assert.deepEqual(hold([question, noted, replied]), ["hello", "progress", "hello replied"]);
  assert.throws(() => hold([question, replied, noted]), /what has ended/);
});

test("a portal's code runs unchanged against the mock, every method", async (context) => {
  const { mock, trien } = await connected(context, { certificate: { serial: "07" } });
  assert.ok(trien.scopes.includes("sign"));
  const { sha256, serial } = await trien.certificates();
  assert.equal(serial, "07");
  const large = new Uint8Array(1_200_000).fill(7);
  const { documents } = await trien.signDocuments({ documents: [{ name: "a.pdf", bytes: large }], format: "pades" });
  assert.equal(documents[0].name, "a.pdf");
  assert.deepEqual(Buffer.from(documents[0].bytes.subarray(0, large.length)), Buffer.from(large));
  assert.match(Buffer.from(documents[0].bytes.subarray(large.length)).toString(), /worth nothing/);
  const asBlob = await trien.signDocuments({ documents: [{ name: "b", bytes: new Blob([large]) }], format: "pades", results: "blob" });
  assert.equal(asBlob.documents[0].blob.size, documents[0].bytes.length);
  assert.equal((await trien.signDigest({ certificate: sha256, hash: "SHA-256", digest: new Uint8Array(32) })).algorithm, "RS256");
  assert.equal((await trien.authenticate({ nonce: NONCE })).format, "web-eid:1.0");
  assert.equal((await trien.verifyDocuments({ documents: [{ name: "a", bytes: large }] })).documents[0].valid, false);
  assert.equal(mock.heard.filter(({ method }) => method === "upload").length, 3, "what is there is not sent again");
  const [alone, content] = [{ name: "a.p7s", bytes: new Uint8Array(9) }, { name: "a.pdf", bytes: new Uint8Array(33) }];
  const beside = await trien.signDocuments({ documents: [alone], content, format: "cades_parallel" });
  assert.deepEqual(beside.documents.map(({ name }) => name), ["a.p7s"]);
  const { params } = mock.heard.findLast(({ method }) => method === "sign_documents");
  assert.deepEqual([params.documents.map(({ size }) => size), params.content.size], [[9], 33]);
});

test("the manifest comes first, and what deviates from it ends the request", async (context) => {
  const { mock, trien } = await connected(context, {});
  const call = { documents: [{ name: "a", bytes: new Uint8Array(600_000) }, { name: "b", bytes: new Uint8Array(3) }], format: "pades" };
  await trien.signDocuments(call);
  assert.deepEqual(mock.heard.slice(0, 5).map(({ method }) => method), ["hello", "sign_documents", "upload", "upload", "upload"]);
  // What the library never sends.
  const session = new Raw();
  const digest = (text) => createHash("sha256").update(text).digest("hex");
  await session.call("hello", { versions: [1], capabilities: ["manifest"] });
  const documents = [{ name: "x", sha256: digest("abc"), size: 3 }];
  for (const params of [
    { sha256: digest("d"), size: 1, offset: 0, data: "ZA==" },
    { sha256: digest("abc"), size: 4, offset: 0, data: "YWJj" },
    { sha256: digest("abc"), size: 3, offset: 1, data: "YmM=" },
    { sha256: digest("abc"), size: 3, offset: 0, data: "YWJk" },
  ]) {
    const signing = session.call("sign_documents", { documents, format: "pades" });
    const uploading = session.call("upload", params);
    assert.deepEqual([(await uploading).error.data.code, (await signing).error.data.code], ["upload_mismatch", "batch_mismatch"]);
  }
  const [signing, uploaded] = [
    session.call("sign_documents", { documents, format: "pades" }),
    session.call("upload", { sha256: digest("abc"), size: 3, offset: 0, data: "YWJj" }),
  ];
  assert.ok((await uploaded).result.sealed);
  assert.equal((await signing).result.documents[0].status, "signed");
  session.close();
  const older = new Raw();
  await older.call("hello", { versions: [1] });
  assert.equal((await older.call("sign_documents", { documents, format: "pades" })).error.data.code, "document_missing");
  older.close();
});

/** A page without the library. */
class Raw {
  #session = crypto.randomUUID();
  #last = 0;
  #open = new Map();
  #hear = ({ data }) => {
    if (data?.session !== this.#session || data[MARK] !== "message") return;
    this.#open.get(data.message.id)?.(data.message);
  };

  constructor() {
    window.addEventListener("message", this.#hear);
    window.postMessage({ [MARK]: "open", session: this.#session }, window.location.origin);
  }

  begin(method, params) {
    const id = ++this.#last;
    const text = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    window.postMessage({ [MARK]: "send", session: this.#session, text }, window.location.origin);
    return { id, reply: new Promise((resolve) => this.#open.set(id, resolve)) };
  }

  call(method, params) {
    return this.begin(method, params).reply;
  }

  close() {
    window.removeEventListener("message", this.#hear);
    window.postMessage({ [MARK]: "close", session: this.#session }, window.location.origin);
  }
}

test("the person, the token and the computer can say no", async (context) => {
  const { trien } = await connected(context, { decide: ({ method }) => (method === "certificates" ? "pin_locked" : "cancelled") });
  await assert.rejects(trien.certificates(), { code: "pin_locked" });
  await assert.rejects(trien.authenticate({ nonce: NONCE }), { code: "cancelled" });
  for (const [options, code] of [[{ refuse: "daemon_not_running" }, "not_running"], [{ scopes: [] }, "not_allowed"]]) {
    page();
    const mock = playTrien(options);
    await assert.rejects(Trien.connect({ roads: ["extension"] }), { code });
    mock.close();
  }
});

test("what a portal gets wrong is wrong here too, in the words its users would read", async (context) => {
  const { trien } = await connected(context, { decide: ({ method }) => (method === "certificates" ? "token_pulled" : "token_removed") });
  await assert.rejects(trien.signDocuments({ documents: [], format: "pades" }), { code: "bad_request" });
  await assert.rejects(trien.signDigests({ certificate: "00".repeat(32), hash: "SHA-256", digests: [] }), { code: "bad_request" });
  await assert.rejects(trien.certificates(), { code: "internal", detail: /no error code of Triện: token_pulled/ });
  await assert.rejects(trien.authenticate({ nonce: NONCE }), ({ text, remedy, detail, retry }) => {
    assert.equal(text.vi, "Thiết bị đã bị rút ra khi đang cần đến.");
    assert.match(remedy.en, /Plug the token in again/);
    assert.match(detail, /mock/);
    return retry;
  });
});

test("the texts are the daemon's", () => {
  const made = readFileSync(new URL("../src/mock-texts.ts", import.meta.url), "utf8");
  assert.equal(made, mockTexts(), "run mock-texts.mjs");
});

test("a page never gets past the mock to the Triện of the computer that the test runs on", async (context) => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: (offered) => [...offered][0] });
  await once(server, "listening");
  const reached = [];
  server.on("connection", (socket) => (reached.push(socket.protocol), socket.close()));
  context.after(() => server.close());
  const { port } = server.address();
  openPage();
  const real = globalThis.WebSocket;
  const mock = playTrien({ refuse: "daemon_not_running" });
  await assert.rejects(Trien.connect({ port }), { code: "not_running" });
  await assert.rejects(Trien.connect({ port, roads: ["websocket"] }), { code: "not_installed" });
  assert.deepEqual(reached, []);
  const other = new WebSocket(`ws://127.0.0.1:${port}`, "chat");
  await once(other, "close");
  assert.deepEqual(reached, ["chat"], "what is not for Triện goes its way");
  mock.close();
  assert.equal(globalThis.WebSocket, real);
});

test("a batch: what became of each, a pause on the way, and a receipt", async (context) => {
  const { mock, trien } = await connected(context, {
    item: (_, index) => (index === 1 ? "token_failed" : "signed"),
    pulledAt: 2,
  });
  const digests = [0, 1, 2].map((fill) => ({ name: `Hồ sơ ${fill}`, digest: new Uint8Array(32).fill(fill) }));
  const stages = [];
  const onProgress = ({ stage, done, total }) => stages.push(`${stage} ${done}/${total}`);
  const { sha256 } = await trien.certificates();
  const call = { certificate: sha256, hash: "SHA-256", digests, onProgress };
  const { signatures, algorithm, receipt } = await trien.signDigests(call);
  assert.deepEqual(signatures.map(({ name, error }) => [name, error?.code]), [
    ["Hồ sơ 0", undefined], ["Hồ sơ 1", "token_failed"], ["Hồ sơ 2", undefined],
  ]);
  assert.equal(algorithm, "RS256");
  assert.deepEqual(stages, ["asking 0/3", "signing 0/3", "signing 1/3", "paused 2/3", "signing 2/3"]);
  const lines = digests.map(({ name, digest }) => `${Buffer.from(digest).toString("hex")}\n0\n${Buffer.byteLength(name)}\n${name}\n`);
  assert.equal(receipt.manifest, createHash("sha256").update(lines.join("")).digest("hex"), "a page can compute it");
  assert.deepEqual(receipt.results.map((result) => result !== ""), [true, false, true]);
  const stopped = await trien.signDigests({ ...call, onError: "stop" });
  assert.deepEqual(stopped.signatures.map(({ error }) => error?.code), [undefined, "token_failed", "batch_stopped"]);
  assert.equal(mock.heard.at(-1).params.on_error, "stop");
  assert.equal("name" in mock.heard.at(-1).params.digests[0], true);
  const documents = ["a", "b", "c"].map((name) => ({ name, bytes: new TextEncoder().encode(name) }));
  const signed = await trien.signDocuments({ documents, format: "pades", onError: "stop" });
  assert.deepEqual(signed.documents.map(({ error }) => error?.code), [undefined, "token_failed", "batch_stopped"]);
  assert.equal(signed.receipt.results.length, 3);
});

test("authorities answer, or are silent: then a document waits, and the page hears when it has its level", async (context) => {
  const stages = [];
  const call = {
    documents: [{ name: "a.pdf", bytes: new Uint8Array(3) }, { name: "b.pdf", bytes: new Uint8Array(4) }], format: "pades", level: "B-LT",
    onProgress: ({ stage, done, total }) => stages.push(`${stage} ${done}/${total}`),
  };
  const answering = await connected(context, {});
  const at = ({ documents }) => documents.map(({ name, level, waiting }) => [name, level, waiting]);
  assert.deepEqual(at(await answering.trien.signDocuments(call)), [["a.pdf", "B-LT", undefined], ["b.pdf", "B-LT", undefined]]);
  assert.deepEqual(stages.filter((stage) => stage.startsWith("stamping")), ["stamping 0/2", "stamping 1/2"]);
  assert.deepEqual(at(await answering.trien.signDocuments({ ...call, level: "B-B" })), [["a.pdf", undefined, undefined], ["b.pdf", undefined, undefined]]);

  let asked = 0;
  const { mock, trien } = await connected(context, { authorities: "silent", decide: () => ((asked += 1), "approve") });
  const raised = [];
  const keyed = { ...call, idempotencyKey: "0123456789abcdef" };
  const first = await trien.signDocuments({ ...keyed, onRaised: (one) => raised.push(one) });
  assert.deepEqual(at(first), [["a.pdf", "B-B", true], ["b.pdf", "B-B", true]]);
  assert.deepEqual(raised, []);
  await mock.raise();
  while (raised.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(raised.map(({ name, level, error }) => [name, level, error]), [["a.pdf", "B-LT", undefined], ["b.pdf", "B-LT", undefined]]);
  assert.ok(raised.every(({ bytes }, index) => bytes.length > first.documents[index].bytes.length));
  // A page that was gone meanwhile has the same by its key.
  mock.lose();
  const again = await trien.signDocuments(keyed);
  assert.deepEqual([at(again), asked], [[["a.pdf", "B-LT", undefined], ["b.pdf", "B-LT", undefined]], 1]);
  assert.deepEqual(again.documents.map(({ bytes }) => bytes.length), raised.map(({ bytes }) => bytes.length));
  assert.equal((await trien.signDocuments(call)).documents[0].level, "B-LT", "from now on they answer");
});

test("a connection that is lost again and again is made anew, and each request is served once", async (context) => {
  const lost = [];
  const { mock, trien } = await connected(context, {
    // The first two times the connection is lost while the person is asked.
    decide: ({ params }) => {
      lost.push(params.idempotency_key);
      if (lost.length > 2) return "approve";
      mock.lose();
      return new Promise(() => {});
    },
  });
  const call = { documents: [{ name: "a", bytes: new Uint8Array(3) }], format: "cades_attached" };
  assert.equal((await trien.signDocuments(call)).documents.length, 1);
  assert.deepEqual(lost, [lost[0], lost[0], lost[0]], "under one key");
  assert.match(lost[0], /^[0-9a-f-]{36}$/);
  // Lost while nothing was asked: the next request does not notice, and two of them share the new connection.
  mock.lose();
  const before = mock.heard.length;
  await Promise.all([trien.signDocuments(call), trien.certificates()]);
  // What the page says to a session that has ended is heard by nobody, and said again.
  const heard = mock.heard.slice(before).map(({ method }) => method);
  assert.equal(heard.filter((method) => method === "hello").length, 1, `${heard}`);
  const asked = heard.slice(heard.indexOf("hello") + 1).filter((method) => !["upload", "download"].includes(method));
  assert.deepEqual(asked.sort(), ["certificates", "sign_documents"]);
});

test("a request that the page aborts ends, and so do those that are open when the mock stops", async (context) => {
  const { mock, trien } = await connected(context, { decide: () => new Promise(() => {}) });
  const abort = new AbortController();
  const open = trien.certificates({ signal: abort.signal });
  setTimeout(() => abort.abort(), 20);
  await assert.rejects(open, { code: "cancelled" });
  const another = trien.certificates();
  setTimeout(() => mock.close(), 20);
  await assert.rejects(another, { code: "closed" });
});

// tests/browser/mock.test.mjs asks the daemon the same.
for (const { name, scopes, capabilities = ["manifest", "idempotency"], greeted = true, run, expected } of CASES) {
  test(`the mock as the daemon: ${name}`, { timeout: 60_000 }, async (context) => {
    openPage();
    let [answer, asked] = ["approve", 0];
    const decide = () => {
      asked += 1;
      return answer === "hang" ? new Promise(() => {}) : answer;
    };
    const mock = playTrien({ scopes, decide });
    context.after(() => mock.close());
    const open = async (greeting = true) => {
      const raw = new Raw();
      if (greeting) assert.ok((await raw.call("hello", { versions: [1], capabilities })).result);
      return { call: raw.call.bind(raw), begin: raw.begin.bind(raw), close: raw.close.bind(raw) };
    };
    const say = async (what) => (answer = what);
    const opened = (count) => until(() => asked === count);
    assert.deepEqual(await run({ line: await open(greeted), connect: open, say, asked: () => asked, opened }), expected);
  });
}
