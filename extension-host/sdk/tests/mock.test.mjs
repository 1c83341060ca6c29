import assert from "node:assert/strict";
import test from "node:test";
import { load } from "../../tests/peer/load.mjs";
import { openPage } from "../../tests/peer/page.mjs";

const { Trien } = await load("sdk/src/index.ts");
const { playTrien } = await load("sdk/src/mock.ts");

/** The mock in a fresh page, and what a portal's code gets of it; both end with the test. */
async function connected(context, options) {
  openPage();
  const mock = playTrien(options);
  const trien = await Trien.connect({ roads: ["extension"] });
  context.after(() => (trien.close(), mock.close()));
  return { mock, trien };
}

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
  assert.equal((await trien.authenticate({ nonce: "A".repeat(44) })).format, "web-eid:1.0");
  assert.equal((await trien.verifyDocuments({ documents: [{ name: "a", bytes: large }] })).documents[0].valid, false);
  assert.equal(mock.heard.filter(({ method }) => method === "upload").length, 3, "what is there is not sent again");
});

test("the person, the token and the computer can say no", async (context) => {
  const { trien } = await connected(context, { decide: ({ method }) => (method === "certificates" ? "pin_locked" : "cancelled") });
  await assert.rejects(trien.certificates(), { code: "pin_locked" });
  await assert.rejects(trien.authenticate({ nonce: "A".repeat(44) }), { code: "cancelled" });
  for (const [options, code] of [[{ refuse: "daemon_not_running" }, "not_running"], [{ scopes: [] }, "not_allowed"]]) {
    openPage();
    const mock = playTrien(options);
    await assert.rejects(Trien.connect({ roads: ["extension"] }), { code });
    mock.close();
  }
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
