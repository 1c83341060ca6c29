import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { load } from "../../tests/peer/load.mjs";
import { openPage } from "../../tests/peer/page.mjs";
import { failure, freePort, listenWebSocket } from "../../tests/peer/peer.mjs";

const { Trien, TrienError } = await load("sdk/src/index.ts");
const PIECE = 512 * 1024;

/** A connection to a peer that answers some methods in its own way; both end with the test. */
async function connected(context, override) {
  openPage();
  const peer = await listenWebSocket({ override });
  const trien = await Trien.connect({ roads: ["websocket"], port: peer.port, client: "test" });
  context.after(() => (trien.close(), peer.close()));
  return { trien, conversation: peer.conversations[0] };
}

function bytes(length) {
  return Uint8Array.from({ length }, (_, index) => (index * 31) & 255);
}

/** Until the digest that is asked for next is known, and whoever asked has gone on. */
function digested(context) {
  return new Promise((resolve) => {
    const digest = crypto.subtle.digest.bind(crypto.subtle);
    const spy = context.mock.method(crypto.subtle, "digest", async (...words) => {
      spy.mock.restore();
      const known = await digest(...words);
      setImmediate(resolve);
      return known;
    });
  });
}

async function rejects(promise, code) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof TrienError, String(error));
    assert.equal(error.code, code);
    for (const text of [error.text, error.remedy]) assert.ok(text.vi.length > 0 && text.en.length > 0);
    return true;
  });
}

test("documents travel in pieces beside their messages, and come back whole", async (context) => {
  const { trien, conversation } = await connected(context, {});
  const large = bytes(2 * PIECE + 17);
  const reports = [];
  const { documents, certificate } = await trien.signDocuments({
    documents: [{ name: "lớn.pdf", bytes: large }, { name: "b.pdf", bytes: new Blob([bytes(10)]) }],
    format: "pades",
    reason: "thử",
    onProgress: (report) => reports.push(report),
  });
  assert.equal(certificate.subject.common_name, "Nguyễn Văn An");
  assert.deepEqual(Buffer.from(documents[0].bytes), Buffer.concat([large, Buffer.from("\n%signed\n")]));
  assert.equal(documents[1].name, "b.pdf");
  const uploads = conversation.heard.filter(({ method }) => method === "upload");
  assert.deepEqual(uploads.map((upload) => [upload.params.offset, upload.bytes, upload.params.data]), [
    [0, PIECE, undefined], [PIECE, PIECE, undefined], [2 * PIECE, 17, undefined], [0, 10, undefined],
  ]);
  assert.equal(uploads[0].params.sha256, createHash("sha256").update(large).digest("hex"));
  const sign = conversation.heard.find(({ method }) => method === "sign_documents");
  assert.deepEqual(Object.keys(sign.params).sort(), ["documents", "format", "reason"], "absent fields are absent");
  assert.deepEqual(reports.map(({ stage }) => stage).filter((stage, index, all) => stage !== all[index - 1]),
    ["uploading", "asking", "downloading"]);
  assert.deepEqual(reports.at(-1), { stage: "downloading", done: large.length + 28, total: large.length + 28 });
});

test("a document is uploaded once a connection", async (context) => {
  const { trien, conversation } = await connected(context, {});
  const document = { name: "a", bytes: bytes(9) };
  await trien.signDocuments({ documents: [document, { ...document, name: "b" }], format: "cades_attached" });
  await trien.signDocuments({ documents: [document], format: "cades_detached" });
  assert.equal(conversation.heard.filter(({ method }) => method === "upload").length, 1);
});

test("calls at once send a document they share one piece after the other, and once", async (context) => {
  const { trien, conversation } = await connected(context, {});
  const document = { name: "a", bytes: bytes(2 * PIECE + 17) };
  const sign = () => trien.signDocuments({ documents: [document], format: "pades" });
  const signed = await Promise.all([sign(), sign(), sign()]);
  assert.deepEqual(signed.map(({ documents: [{ bytes }] }) => bytes.length), Array(3).fill(document.bytes.length + 9));
  const uploads = conversation.heard.filter(({ method }) => method === "upload");
  assert.deepEqual(uploads.map(({ params }) => params.offset), [0, PIECE, 2 * PIECE]);
});

/** A daemon that takes the manifest first: it says that it waits, and signs when the documents are here. */
function collecting(capabilities = ["manifest"]) {
  return {
    hello: ({ answer }) => answer({ version: 1, session: "", capabilities, scopes: [], max_chunk: PIECE, max_document: 1 << 30 }),
    sign_documents: async (call) => {
      const { params: { documents }, id, conversation } = call;
      const here = () => documents.filter(({ sha256, size }) => conversation.documents.get(sha256)?.length === size).length;
      let told;
      while (here() < documents.length) {
        const progress = { request: id, stage: "collecting", done: here(), total: documents.length };
        if (progress.done !== told) conversation.reply({ jsonrpc: "2.0", method: "progress", params: progress });
        told = progress.done;
        await new Promise((resolve) => setTimeout(resolve, 2));
        // Who is gone sends nothing any more, and is not waited for: the process would not end.
        if (conversation.socket.readyState !== conversation.socket.OPEN) return;
      }
      conversation.sign_documents(call);
    },
  };
}

const methods = ({ heard }) => heard.map(({ method }) => method);

test("what has made room for other documents is sent anew", async (context) => {
  for (const override of [collecting(), {}]) {
    const { trien, conversation } = await connected(context, override);
    const [first, second] = [{ name: "a", bytes: bytes(PIECE + 1) }, { name: "b", bytes: bytes(9) }];
    const sign = (documents) => trien.signDocuments({ documents, format: "pades", signal: AbortSignal.timeout(10_000) });
    const [{ bytes: signed }] = (await sign([first, second])).documents;
    const sent = () => conversation.heard.filter(({ method }) => method === "upload").length;
    assert.equal(sent(), 3);
    conversation.documents.delete(createHash("sha256").update(first.bytes).digest("hex"));
    assert.deepEqual((await sign([second, first])).documents[1].bytes, signed);
    assert.equal(sent(), 3 + 3, "which of them it was, nobody says");
    // What came back is held as what was sent.
    conversation.documents.clear();
    assert.equal((await sign([{ name: "a", bytes: signed }])).documents[0].bytes.length, signed.length + 9);
  }
});

test("the manifest goes first, and the documents when the daemon waits for them; the page hears the same", async (context) => {
  const { trien, conversation } = await connected(context, collecting());
  const large = bytes(2 * PIECE + 17);
  const reports = [];
  const documents = [{ name: "a", bytes: large }, { name: "b", bytes: new Blob([bytes(10)]) }, { name: "c", bytes: large }];
  const signed = await trien.signDocuments({ documents, format: "pades", onProgress: (report) => reports.push(report) });
  assert.deepEqual(signed.documents.map(({ bytes }) => bytes.length), [large.length + 9, 19, large.length + 9]);
  assert.deepEqual(methods(conversation).slice(0, 6), ["hello", "sign_documents", "upload", "upload", "upload", "upload"]);
  // Two messages that come at once are heard at once here, and not one after the other as in a browser.
  assert.deepEqual([...new Set(reports.map(({ stage }) => stage))], ["uploading", "asking", "downloading"]);
  const total = 2 * large.length + 10;
  assert.deepEqual(reports.filter(({ stage }) => stage === "uploading").at(-1), { stage: "uploading", done: total, total });
  await trien.signDocuments({ documents, format: "cades_detached" });
  assert.equal(methods(conversation).filter((method) => method === "upload").length, 4, "what is there is not sent again");
});

test("a hash function goes to a daemon that has a place for it, and to no other", async (context) => {
  const call = { documents: [{ name: "a", bytes: bytes(9) }], format: "cades_attached", hash: "SHA-512" };
  const { trien, conversation } = await connected(context, collecting(["hash"]));
  await trien.signDocuments(call);
  const { params } = conversation.heard.find(({ method }) => method === "sign_documents");
  assert.equal(params.hash, "SHA-512");
  const old = await connected(context, collecting([]));
  await rejects(old.trien.signDocuments(call), "outdated");
});

test("a content goes to a daemon that has a place for it, and to no other", async (context) => {
  const call = { documents: [{ name: "a.p7s", bytes: bytes(9) }], content: { name: "a", bytes: bytes(PIECE + 1) }, format: "cades_parallel" };
  const { trien, conversation } = await connected(context, collecting(["content"]));
  await trien.signDocuments(call);
  const { params } = conversation.heard.find(({ method }) => method === "sign_documents");
  assert.deepEqual([params.documents.map(({ name }) => name), params.content.name], [["a.p7s"], "a"]);
  assert.equal(methods(conversation).filter((method) => method === "upload").length, 3);
  const old = await connected(context, collecting([]));
  await rejects(old.trien.signDocuments(call), "outdated");
  assert.deepEqual(methods(old.conversation), ["hello"]);
});

test("what the daemon refuses is not sent, or not any further", async (context) => {
  const { trien, conversation } = await connected(context, collecting());
  const call = { documents: [{ name: "a", bytes: bytes(9 * PIECE) }], format: "pades" };
  const waits = conversation.override.sign_documents;
  conversation.override.sign_documents = ({ refuse }) => refuse("no_certificate");
  await rejects(trien.signDocuments(call), "no_certificate");
  assert.deepEqual(methods(conversation), ["hello", "sign_documents"]);
  conversation.override.sign_documents = (request) => {
    conversation.override.upload = (piece) => {
      delete conversation.override.upload;
      request.refuse("disk_full");
      conversation.upload(piece);
    };
    conversation.reply({ jsonrpc: "2.0", method: "progress", params: { request: request.id, stage: "collecting", done: 0, total: 1 } });
  };
  await rejects(trien.signDocuments(call), "disk_full");
  await trien.certificates();
  assert.ok(methods(conversation).filter((method) => method === "upload").length <= 2, `${methods(conversation)}`);
  conversation.override.sign_documents = waits;
  conversation.documents.clear();
  assert.equal((await trien.signDocuments(call)).documents[0].bytes.length, 9 * PIECE + 9);
});

test("what the daemon does not take is told in its words on the whole; what the page cannot read ends the request", async (context) => {
  const { trien, conversation } = await connected(context, collecting());
  const waits = conversation.override.sign_documents;
  conversation.override.sign_documents = (request) => {
    conversation.override.upload = ({ refuse }) => (refuse("upload_mismatch"), setTimeout(() => request.refuse("batch_mismatch"), 20));
    waits(request);
  };
  await rejects(trien.signDocuments({ documents: [{ name: "a", bytes: bytes(5) }], format: "pades" }), "batch_mismatch");
  delete conversation.override.upload;
  conversation.override.sign_documents = (request) => (conversation.waiting.set(request.id, request.refuse), waits(request));
  const blob = new Blob([bytes(PIECE + 5)]);
  const slice = context.mock.method(blob, "slice", () => ({ arrayBuffer: () => Promise.reject(new Error("changed")) }));
  await rejects(trien.signDocuments({ documents: [{ name: "a", bytes: blob }], format: "pades" }), "document_unreadable");
  assert.ok(slice.mock.callCount() > 0);
  assert.equal(methods(conversation).at(-1), "cancel");
});

test("a permission that is taken back while documents travel is what the page is told, whichever refusal comes first", async (context) => {
  const { trien, conversation } = await connected(context, collecting());
  const call = { documents: [{ name: "a", bytes: bytes(9 * PIECE) }], format: "pades" };
  const waits = conversation.override.sign_documents;
  for (const requestFirst of [true, false]) {
    let taken = 0;
    conversation.override.sign_documents = (request) => {
      conversation.override.upload = (piece) => {
        taken += 1;
        // The first piece is taken; the next one is of a request that has ended, or is about to.
        if (taken === 1) return piece.answer({ received: PIECE, sealed: false });
        if (requestFirst) request.refuse("not_allowed");
        piece.refuse("upload_mismatch");
        if (!requestFirst) setTimeout(() => request.refuse("not_allowed"), 20);
      };
      conversation.reply({ jsonrpc: "2.0", method: "progress", params: { request: request.id, stage: "collecting", done: 0, total: 1 } });
    };
    await rejects(trien.signDocuments(call), "not_allowed");
    await trien.certificates();
    assert.equal(taken, 2, "nothing is sent any further");
    delete conversation.override.upload;
    conversation.documents.clear();
  }
  conversation.override.sign_documents = waits;
  assert.equal((await trien.signDocuments(call)).documents[0].bytes.length, 9 * PIECE + 9);
});

test("a connection that is lost while documents travel is made anew, and they travel again", async (context) => {
  const { trien, conversation } = await connected(context, collecting(["manifest", "idempotency"]));
  conversation.override.upload = ({ conversation }) => {
    delete conversation.override.upload;
    conversation.socket.terminate();
  };
  const { documents } = await trien.signDocuments({ documents: [{ name: "a", bytes: bytes(PIECE + 1) }], format: "pades" });
  assert.equal(documents[0].bytes.length, PIECE + 10);
});

test("of calls at once that share a document, one that is aborted leaves it to the other", async (context) => {
  const { trien, conversation } = await connected(context, collecting());
  const document = { name: "a", bytes: bytes(2 * PIECE + 17) };
  const abort = new AbortController();
  let second;
  conversation.override.upload = async (piece) => {
    delete conversation.override.upload;
    const hashed = digested(context);
    second = trien.signDocuments({ documents: [document], format: "pades" });
    await hashed;
    abort.abort();
    conversation.upload(piece);
    conversation.documents.delete(piece.params.sha256);
  };
  conversation.override.cancel = ({ params, answer }) => {
    const { id } = conversation.heard.find(({ method }) => method === "sign_documents");
    if (params.request === id) conversation.reply({ jsonrpc: "2.0", id, error: failure("cancelled") });
    answer({ cancelled: params.request === id });
  };
  await rejects(trien.signDocuments({ documents: [document], format: "pades", signal: abort.signal }), "cancelled");
  assert.equal((await second).documents[0].bytes.length, document.bytes.length + 9);
});

test("a call that is aborted takes no other with it", async (context) => {
  const abort = new AbortController();
  const { trien, conversation } = await connected(context, {});
  const document = { name: "a", bytes: bytes(2 * PIECE + 17) };
  const call = (signal) => trien.signDocuments({ documents: [document], format: "pades", signal });
  let second;
  // The second call comes while the first one sends, and waits for it: which of two calls begins is not ours to say.
  conversation.override.upload = async ({ refuse }) => {
    delete conversation.override.upload;
    const hashed = digested(context);
    second = call();
    await hashed;
    abort.abort();
    refuse("cancelled");
  };
  await rejects(call(abort.signal), "cancelled");
  assert.equal((await second).documents[0].bytes.length, document.bytes.length + 9);
  const impatient = AbortSignal.abort();
  await rejects(call(impatient), "cancelled");
});

test("what an aborted call left half sent is sent anew", async (context) => {
  const { trien, conversation } = await connected(context, {});
  const document = { name: "a", bytes: bytes(PIECE + 1) };
  const abort = new AbortController();
  const onProgress = ({ stage }) => stage === "uploading" && abort.abort();
  await rejects(trien.signDocuments({ documents: [document], format: "pades", signal: abort.signal, onProgress }), "cancelled");
  conversation.override.upload = ({ params, refuse }) => {
    delete conversation.override.upload;
    assert.equal(params.offset, 0);
    conversation.documents.delete(params.sha256);
    refuse("upload_mismatch");
  };
  const { documents } = await trien.signDocuments({ documents: [document], format: "pades" });
  assert.equal(documents[0].bytes.length, PIECE + 10);
});

test("what the page changes after the call does not change what is sent", async (context) => {
  const { trien } = await connected(context, {});
  const document = bytes(100);
  const signing = trien.signDocuments({ documents: [{ name: "a", bytes: document }], format: "pades" });
  await Promise.resolve();
  document.fill(0);
  assert.deepEqual(Buffer.from((await signing).documents[0].bytes.subarray(0, 100)), Buffer.from(bytes(100)));
});

test("errors of the daemon keep code, texts and detail", async (context) => {
  const { trien } = await connected(context, {
    certificates: ({ refuse }) => refuse("pin_locked"),
    sign_digest: ({ conversation, id }) => conversation.reply({ jsonrpc: "2.0", id, error: { code: 1, message: "?" } }),
    sign_documents: ({ params, answer }) => answer({
      documents: [{ status: "failed", name: params.documents[0].name, error: failure("document_encrypted") }],
      certificate: { subject: {} },
    }),
  });
  await rejects(trien.certificates({ taxCode: "0100000000" }), "pin_locked");
  await rejects(trien.signDigest({ certificate: "00", hash: "SHA-256", digest: bytes(32) }), "internal");
  const { documents } = await trien.signDocuments({ documents: [{ name: "x", bytes: bytes(1) }], format: "pades" });
  assert.equal(documents[0].error.code, "document_encrypted");
  assert.equal(documents[0].error.text.vi, "vi document_encrypted");
});

test("an aborted request is cancelled at the daemon, and the connection lives on", async (context) => {
  const { trien, conversation } = await connected(context, {
    sign_documents: ({ id, refuse, conversation }) => conversation.waiting.set(id, refuse),
  });
  const abort = new AbortController();
  const signing = trien.signDocuments({ documents: [{ name: "a", bytes: bytes(5) }], format: "pades", signal: abort.signal });
  while (conversation.waiting.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  abort.abort();
  await rejects(signing, "cancelled");
  const [id] = conversation.waiting.keys();
  assert.deepEqual(conversation.heard.at(-1).params, { request: id });
  await rejects(trien.certificates({ signal: abort.signal }), "cancelled");
  assert.equal((await trien.certificates()).serial, "01");
});

test("a connection that ends takes its requests with it", async (context) => {
  const { trien } = await connected(context, { certificates: ({ conversation }) => conversation.socket.terminate() });
  await rejects(trien.certificates(), "closed");
  await rejects(trien.certificates(), "closed");
});

test("closing ends what is open", async (context) => {
  const { trien } = await connected(context, { certificates: () => {} });
  const open = trien.certificates();
  trien.close();
  await rejects(open, "closed");
});

test("a frame that makes no sense ends the connection", async (context) => {
  const { trien } = await connected(context, { certificates: ({ conversation }) => conversation.socket.send("{") });
  await rejects(trien.certificates(), "closed");
});

test("what comes back must be what was named", async (context) => {
  const { trien } = await connected(context, {
    download: ({ params, answer }) => answer({ size: 14 }, Buffer.alloc(Math.min(14, params.length))),
  });
  await rejects(trien.signDocuments({ documents: [{ name: "a", bytes: bytes(5) }], format: "pades" }), "internal");
});

test("a document past the daemon's limit is not sent", async (context) => {
  const { trien, conversation } = await connected(context, {
    hello: ({ answer }) => answer({ version: 1, session: "", max_chunk: 4, max_document: 10 }),
  });
  await rejects(trien.signDocuments({ documents: [{ name: "a", bytes: bytes(11) }], format: "pades" }), "too_large");
  assert.equal(conversation.heard.length, 1);
});

for (const [answer, code] of [
  [({ refuse }) => refuse("version_mismatch"), "outdated"],
  [({ answer }) => answer({ version: 2, session: "", max_chunk: 4, max_document: 10 }), "outdated"],
  [({ answer }) => answer({ version: 1, session: "", max_chunk: 0, max_document: 10 }), "internal"],
  [({ refuse }) => refuse("not_allowed"), "not_allowed"],
  [({ conversation }) => conversation.reply({ jsonrpc: "2.0", id: null, error: failure("not_allowed") }), "not_allowed"],
  [({ conversation }) => conversation.socket.terminate(), "closed"],
]) {
  test(`hello that ends in ${code}`, async (context) => {
    openPage();
    const peer = await listenWebSocket({ override: { hello: answer } });
    context.after(() => peer.close());
    await rejects(Trien.connect({ roads: ["websocket"], port: peer.port }), code);
  });
}

test("hello that is not answered", async (context) => {
  openPage();
  // The time is over when hello has been heard, however long the connection took. Others set timers meanwhile.
  const { mock } = context.mock.method(globalThis, "setTimeout", () => {});
  const hello = () => mock.calls.findLast(({ arguments: [, ms] }) => ms === 500).arguments[0]();
  const peer = await listenWebSocket({ override: { hello } });
  context.after(() => peer.close());
  await rejects(Trien.connect({ roads: ["websocket"], port: peer.port, timeoutMs: 500 }), "timed_out");
});

test("while the person is asked whether the site may ask, hello has its time", async (context) => {
  openPage();
  const hello = ({ answer, conversation }) => {
    conversation.reply({ jsonrpc: "2.0", method: "permission", params: { asking: true } });
    setTimeout(() => answer({ version: 1, session: "", capabilities: [], scopes: ["sign"], max_chunk: 4, max_document: 10 }), 3300);
  };
  const peer = await listenWebSocket({ override: { hello } });
  context.after(() => peer.close());
  let asked = 0;
  const trien = await Trien.connect({ roads: ["websocket"], port: peer.port, timeoutMs: 3000, onAsking: () => (asked += 1) });
  assert.deepEqual([asked, trien.scopes], [1, ["sign"]]);
  trien.close();
});

test("a daemon that is away for a moment is waited for, with growing pauses", async (context) => {
  openPage();
  const port = await freePort();
  const { close } = await listenWebSocket({ port, override: { certificates: ({ conversation }) => conversation.socket.terminate() } });
  const trien = await Trien.connect({ roads: ["websocket"], port });
  const open = trien.certificates();
  await close();
  const started = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 700));
  const back = await listenWebSocket({ port });
  context.after(() => (trien.close(), back.close()));
  assert.equal((await open).serial, "01");
  assert.ok(Date.now() - started >= 700);
  assert.equal(back.conversations.length, 1, "one connection is made");
});

test("a connection that is lost is made anew once, and asked again what cannot sign twice", async (context) => {
  openPage();
  const lost = { certificates: 1, sign_documents: 1, sign_digest: 1 };
  const losing = (method) => ({ conversation, ...rest }) => {
    if (lost[method]-- > 0) return conversation.socket.terminate();
    if (method === "sign_digest") return rest.answer({ signature: "AA==" });
    conversation[method]({ conversation, ...rest });
  };
  const capabilities = ["idempotency"];
  const hello = ({ answer }) => answer({ version: 1, session: "", capabilities, scopes: [], max_chunk: PIECE, max_document: 1 << 30 });
  const peer = await listenWebSocket({ override: { hello, ...Object.fromEntries(Object.keys(lost).map((name) => [name, losing(name)])) } });
  const trien = await Trien.connect({ roads: ["websocket"], port: peer.port });
  context.after(() => (trien.close(), peer.close()));
  assert.equal((await trien.certificates()).serial, "01");
  const { documents } = await trien.signDocuments({ documents: [{ name: "a", bytes: bytes(PIECE + 1) }], format: "pades" });
  assert.equal(documents[0].bytes.length, PIECE + 10);
  const keys = peer.conversations.flatMap(({ heard }) => heard).filter(({ method }) => method === "sign_documents").map(({ params }) => params.idempotency_key);
  assert.match(keys[0], /^[A-Za-z0-9_-]{16,64}$/);
  assert.deepEqual(keys, Array(3).fill(keys[0]), "the same request: lost, without its documents, and answered");
  capabilities.pop();
  const plain = await Trien.connect({ roads: ["websocket"], port: peer.port });
  context.after(() => plain.close());
  await rejects(plain.signDigest({ certificate: "00", hash: "SHA-256", digest: bytes(32) }), "closed");
});

test("the page's own key goes with each call that signs", async (context) => {
  const hello = ({ answer }) => answer({ version: 1, session: "", capabilities: ["idempotency"], scopes: [], max_chunk: PIECE, max_document: 1 << 30 });
  const signed = ({ answer }) => answer({ signatures: [{ status: "signed", signature: "AA==", raw_signature: "AA==" }] });
  const one = ({ answer }) => answer({ signature: "AA==" });
  const { trien, conversation } = await connected(context, { hello, authenticate: one, sign_digest: one, sign_digests: signed });
  const [certificate, hash, digest] = ["00", "SHA-256", bytes(32)];
  for (const more of [{ idempotencyKey: "0123456789abcdef" }, {}]) {
    await trien.authenticate({ nonce: "A".repeat(44), ...more });
    await trien.signDigest({ certificate, hash, digest, ...more });
    await trien.signDigests({ certificate, hash, digests: [{ digest }], ...more });
  }
  const keys = conversation.heard.map(({ params }) => params?.idempotency_key).filter(Boolean);
  assert.deepEqual(keys.slice(0, 3), Array(3).fill("0123456789abcdef"));
  assert.equal(new Set(keys).size, 4, "else each has its own");
});

test("a document that waits for its level is handed over when it has it, under the key that the page keeps", async (context) => {
  let note;
  const waiting = ({ params, id, answer, documents, conversation }) => {
    const [{ name, sha256 }] = params.documents;
    const raised = Buffer.from("raised");
    const raisedName = createHash("sha256").update(raised).digest("hex");
    documents.set(raisedName, raised);
    answer({ documents: [{ status: "signed", name, sha256, size: documents.get(sha256).length, level: "B-B", waiting: true }] });
    note = { request: id, from: sha256, sha256: raisedName, size: raised.length, level: "B-T" };
    // Not of this request, and of none at all: nobody hears them.
    for (const request of [id + 1, undefined]) conversation.reply({ jsonrpc: "2.0", method: "raised", params: { ...note, request } });
    conversation.reply({ jsonrpc: "2.0", method: "raised", params: note });
  };
  const hello = ({ answer }) => answer({
    version: 1, session: "", capabilities: ["idempotency", "level"], scopes: [], max_chunk: PIECE, max_document: 1 << 30,
  });
  const { trien, conversation } = await connected(context, { sign_documents: waiting, hello });
  const key = "0123456789abcdef";
  const heard = [];
  const raised = new Promise((resolve) => heard.push(resolve));
  const { documents } = await trien.signDocuments({
    documents: [{ name: "đơn.pdf", bytes: bytes(9) }], format: "pades", level: "B-T", idempotencyKey: key,
    onRaised: (document) => (heard.push(document), heard[0](document)),
  });
  assert.deepEqual([documents[0].level, documents[0].waiting, documents[0].bytes.length], ["B-B", true, 9]);
  const { name, level, bytes: made, error } = await raised;
  assert.deepEqual([name, level, Buffer.from(made).toString(), error], ["đơn.pdf", "B-T", "raised", undefined]);
  assert.equal(heard.length, 2, "once");
  conversation.reply({ jsonrpc: "2.0", method: "raised", params: note });
  await trien.certificates();
  assert.equal(heard.length, 2, "nothing waits any more, and nobody is kept for it");
  const { params } = conversation.heard.find(({ method }) => method === "sign_documents");
  assert.deepEqual([params.level, params.idempotency_key], ["B-T", key]);
});

test("an aborted connect, whatever it is at", async (context) => {
  const peer = await listenWebSocket();
  context.after(peer.close);
  const connect = (signal) => Trien.connect({ roads: ["websocket"], port: peer.port, signal });
  openPage();
  await rejects(connect(AbortSignal.abort()), "cancelled");
  const end = new AbortController();
  const connecting = connect(end.signal);
  end.abort();
  await rejects(connecting, "cancelled");
  // While the browser is asked how it stands with its permission.
  const later = new AbortController();
  openPage({ permission: "granted" });
  const { query } = navigator.permissions;
  navigator.permissions.query = async (name) => (later.abort(), query(name));
  await rejects(connect(later.signal), "cancelled");
  assert.equal(peer.conversations.length, 0, "nobody has knocked");
  // While it greets.
  openPage();
  const greeting = new AbortController();
  const slow = await listenWebSocket({ override: { hello: () => greeting.abort() } });
  context.after(slow.close);
  await rejects(Trien.connect({ roads: ["websocket"], port: slow.port, signal: greeting.signal }), "cancelled");
});

test("a certificate that the page saw on a connection that is lost is asked for once more", async (context) => {
  openPage();
  const sha256 = "22".repeat(32);
  const sign_digest = ({ conversation, params, answer, refuse }) =>
    conversation.seen && params.certificate === sha256 ? answer({ signature: "AA==" }) : refuse("certificate_not_found");
  const certificates = ({ conversation, answer }) => {
    conversation.seen = true;
    answer({ sha256, subject: { common_name: "Nguyễn Văn An" } });
  };
  const peer = await listenWebSocket({ override: { sign_digest, certificates } });
  const trien = await Trien.connect({ roads: ["websocket"], port: peer.port });
  context.after(() => (trien.close(), peer.close()));
  const sign = (certificate) => trien.signDigest({ certificate, hash: "SHA-256", digest: bytes(32) });
  await rejects(sign(sha256), "certificate_not_found");
  await trien.certificates();
  assert.equal((await sign(sha256)).signature, "AA==");
  peer.conversations[0].socket.terminate();
  await trien.signDocuments({ documents: [{ name: "a", bytes: bytes(9) }], format: "pades", idempotencyKey: "0123456789abcdef" });
  assert.equal((await sign(sha256)).signature, "AA==");
  assert.deepEqual(methods(peer.conversations[1]).slice(-3), ["sign_digest", "certificates", "sign_digest"]);
  await rejects(sign("11".repeat(32)), "certificate_not_found");
  assert.equal(methods(peer.conversations[1]).filter((method) => method === "certificates").length, 1, "of another it saw none");
  // On the same connection the daemon's word stands: the token was pulled, say.
  peer.conversations[1].seen = false;
  await rejects(sign(sha256), "certificate_not_found");
});

test("an error says whether the same request, made again, may succeed", async (context) => {
  const { trien, conversation } = await connected(context, {});
  for (const retry of [true, false]) {
    conversation.override.certificates = ({ reply, id }) =>
      reply({ jsonrpc: "2.0", id, error: failure("token_failed", -32054, retry) });
    await assert.rejects(trien.certificates(), (error) => error.code === "token_failed" && error.retry === retry);
  }
});

test("a connection that is lost while what was signed comes back: it is asked for by its key, and nothing is fetched twice", async (context) => {
  const made = new Map();
  const asked = [];
  const fetched = [];
  const { trien, conversation } = await connected(context, {
    hello: ({ answer }) => answer({ version: 1, session: "", capabilities: ["idempotency"], scopes: [], max_chunk: PIECE, max_document: 1 << 30 }),
    sign_documents: ({ params, answer, refuse, conversation }) => {
      asked.push(params.idempotency_key);
      const again = made.get(params.idempotency_key);
      if (again === undefined) {
        const sign = conversation.sign_documents.bind(conversation);
        return sign({ params, id: 0, refuse, answer: (reply) => (made.set(params.idempotency_key, [reply, conversation.documents]), answer(reply)) });
      }
      conversation.documents = again[1];
      answer(again[0]);
    },
    download: ({ params, answer, refuse, conversation }) => {
      fetched.push([params.sha256, params.offset]);
      if (fetched.length === 3) return conversation.socket.terminate();
      conversation.download({ params, answer, refuse });
    },
  });
  const [small, large] = [bytes(5), bytes(2 * PIECE)];
  const reports = [];
  const documents = [{ name: "a", bytes: small }, { name: "b", bytes: large }];
  const signed = await trien.signDocuments({ documents, format: "pades", onProgress: (report) => reports.push(report) });
  assert.deepEqual(signed.documents.map(({ name, bytes }) => [name, bytes.length]), [["a", 14], ["b", large.length + 9]]);
  const [[key, [{ documents: [{ sha256: first }, { sha256: second }] }]]] = made;
  assert.deepEqual(asked, [key, key]);
  // The piece in whose place the connection ended, and what came of its document before, come on the second one.
  assert.deepEqual(fetched, [[first, 0], [second, 0], [second, PIECE], [second, 0], [second, PIECE], [second, 2 * PIECE]]);
  assert.equal(conversation.heard.filter(({ method }) => method === "upload").length, 3, "nothing is sent again");
  const total = small.length + large.length + 18;
  assert.deepEqual(reports.at(-1), { stage: "downloading", done: total, total });
});

test("a page whose permission is taken back is told, and does not come back by itself", async (context) => {
  const { trien, conversation } = await connected(context, {
    certificates: ({ conversation }) => {
      conversation.reply({ jsonrpc: "2.0", id: null, error: failure("not_allowed") });
      conversation.socket.close(1008);
    },
  });
  let connections = 0;
  globalThis.WebSocket = class extends globalThis.WebSocket {
    constructor(...words) {
      super(...words);
      connections += 1;
    }
  };
  await rejects(trien.certificates(), "not_allowed");
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(connections, 0);
  assert.equal(conversation.heard.length, 2);
});

test("a page that is left lets go of its socket, and what waited goes on when it is shown again", { timeout: 60_000 }, async (context) => {
  const { window } = openPage();
  let asked;
  const first = new Promise((resolve) => (asked = resolve));
  let times = 0;
  const { port, conversations, close } = await listenWebSocket({ override: {
    certificates: ({ answer, conversation }) => ((times += 1) === 1 ? asked(conversation.socket) : answer({ serial: "07" })),
  } });
  context.after(close);
  const trien = await Trien.connect({ port, roads: ["websocket"] });
  context.after(() => trien.close());
  const certificate = trien.certificates();
  const socket = await first;
  const closed = new Promise((resolve) => socket.once("close", resolve));
  window.dispatchEvent(new Event("pagehide"));
  assert.equal(await closed, 1000);
  // Longer than the library waits before it connects anew.
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(conversations.length, 1, "a page that is gone asks nobody");
  window.dispatchEvent(new Event("pageshow"));
  assert.equal((await certificate).serial, "07");
  assert.equal(conversations.length, 2);
});
