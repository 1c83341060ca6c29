import assert from "node:assert/strict";
import test from "node:test";
import { load } from "../../tests/peer/load.mjs";
import { openPage, playExtension } from "../../tests/peer/page.mjs";

const { Trien } = await load("sdk/src/index.ts");

/** An extension behind which hello and upload are answered. */
function play(page, heard) {
  let received = 0;
  playExtension(page, (message, answer) => {
    if (message.trien !== "send") return;
    const { id, method, params } = JSON.parse(message.text);
    heard.push({ method, params, length: message.text.length });
    const reply = (body) => answer({ trien: "message", message: { jsonrpc: "2.0", id, ...body } });
    if (method === "hello") {
      return reply({ result: { version: 1, session: "", max_chunk: 512 * 1024, max_document: 1 << 30 } });
    }
    if (method === "upload") {
      received += Buffer.from(params.data, "base64").length;
      return reply({ result: { received, sealed: received === params.size } });
    }
    if (method === "verify_documents") return reply({ result: { documents: [] } });
  });
}

test("document bytes go inside the message, each message below the browser's limit", async () => {
  const page = openPage();
  const heard = [];
  play(page, heard);
  const trien = await Trien.connect({ roads: ["extension"] });
  assert.equal(trien.road, "extension");
  await trien.verifyDocuments({ documents: [{ name: "a.pdf", bytes: new Uint8Array(1_300_000) }] });
  assert.deepEqual(heard.map(({ method }) => method), ["hello", "upload", "upload", "upload", "verify_documents"]);
  assert.ok(heard.every(({ length }) => length < 900 * 1024));
});

test("the extension is taken before the socket", async () => {
  play(openPage(), []);
  assert.equal((await Trien.connect()).road, "extension");
});

test("messages of other windows and other sessions are not heard", async () => {
  const page = openPage();
  const heard = [];
  play(page, heard);
  const trien = await Trien.connect();
  const event = new Event("message");
  event.source = {};
  event.data = { trien: "closed", session: "x", reason: "host_exited" };
  page.window.dispatchEvent(event);
  for (const data of [null, 7, "trien", { trien: "closed" }, { trien: "closed", session: "other", reason: "host_exited" },
    { trien: "message", session: "other", message: { id: 2, result: {} } }]) page.window.postMessage(data);
  assert.deepEqual(await trien.verifyDocuments({ documents: [{ name: "a", bytes: new Uint8Array(1) }] }), { documents: [] });
});

/** An extension that says what becomes of a request for a certificate, and keeps how each session was opened. */
function playEnding(page, opened, end) {
  playExtension(page, (message, answer) => {
    if (message.trien === "open") opened.push(message.quiet);
    if (message.trien !== "send") return;
    const { id, method } = JSON.parse(message.text);
    const tell = (body) => answer({ trien: "message", message: { jsonrpc: "2.0", ...body } });
    if (method === "hello") return tell({ id, result: { version: 1, session: "", scopes: [], max_chunk: 1024, max_document: 1024 } });
    if (method === "certificates") end({ id, tell, close: (reason) => answer({ trien: "closed", reason }), times: opened.length });
  });
}

test("a page that comes back by itself has nobody asked for a permission", async () => {
  const page = openPage();
  const opened = [];
  playEnding(page, opened, ({ id, tell, close, times }) => (times === 1 ? close("extension_stopped") : tell({ id, result: { serial: "01" } })));
  const trien = await Trien.connect({ roads: ["extension"] });
  assert.equal((await trien.certificates()).serial, "01");
  assert.deepEqual(opened, [false, true], "the first time the page asked for it");
  trien.close();
});

test("a page whose permission is taken back is told, and opens nothing until it is asked to", async () => {
  const page = openPage();
  const opened = [];
  const words = { vi: "x", en: "x" };
  const error = { code: -32001, message: "x", data: { code: "not_allowed", message: words, remedy: words, retry: false } };
  playEnding(page, opened, ({ tell, close }) => (tell({ id: null, error }), close("host_exited")));
  const trien = await Trien.connect({ roads: ["extension"] });
  await assert.rejects(trien.certificates(), ({ code }) => code === "not_allowed");
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual(opened, [false]);
  // What the page asks for after that is not a question to the person either: only to connect anew is.
  await assert.rejects(trien.certificates(), ({ code }) => code === "not_allowed");
  assert.deepEqual(opened, [false, true]);
  (await Trien.connect({ roads: ["extension"] })).close();
  assert.deepEqual(opened, [false, true, false]);
});

// Firefox ends a content script with its extension before it can say a word.
test("n069 an extension that is updated in mid-request without a word: the page finds the new one, and asks again", { timeout: 60_000 }, async () => {
  const page = openPage();
  const opened = [];
  // The new one knows none of the sessions.
  const sessions = [];
  playEnding(page, opened, ({ id, tell, times }) => times === 2 && tell({ id, result: { serial: "01" } }));
  page.window.addEventListener("message", ({ data }) => {
    if (data?.trien === "ping") page.window.postMessage({ trien: "pong", bridge: 1, version: "0", sessions });
  });
  const trien = await Trien.connect({ roads: ["extension"] });
  assert.equal((await trien.certificates()).serial, "01");
  assert.deepEqual(opened, [false, true], "and the person is asked for no permission");
  trien.close();
});

test("n069 an extension that is switched off in mid-request without a word: the page is told", { timeout: 120_000 }, async () => {
  const page = openPage();
  let gone = false;
  page.window.addEventListener("message", ({ data }) => {
    const answer = (words) => page.window.postMessage({ session: data.session, ...words });
    if (gone) return;
    if (data?.trien === "ping") answer({ trien: "pong", bridge: 1, version: "0" });
    if (data?.trien !== "send") return;
    const { id, method } = JSON.parse(data.text);
    if (method === "hello") answer({ trien: "message", message: { jsonrpc: "2.0", id, result: { version: 1, session: "", scopes: [], max_chunk: 1024, max_document: 1024 } } });
    else gone = true;
  });
  const trien = await Trien.connect({ roads: ["extension"] });
  await assert.rejects(trien.certificates(), ({ code }) => code === "closed");
});
