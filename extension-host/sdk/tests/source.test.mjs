import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import test from "node:test";
import { load } from "../../tests/peer/load.mjs";
import "../../tests/peer/page.mjs";

const { Sha256, AT_ONCE } = await load("sdk/src/sha256.ts");
const { hold } = await load("sdk/src/source.ts");
const { Documents } = await load("sdk/src/documents.ts");
const LIMIT = 32 * 1024 * 1024;

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

test("SHA-256 piece by piece is Node's, for every length around a block and every way to cut", () => {
  for (let length = 0; length <= 200; length += 1) {
    const bytes = randomBytes(length);
    const cut = length >> 1;
    assert.equal(new Sha256().update(bytes).hex(), sha256(bytes), `${length}`);
    assert.equal(new Sha256().update(bytes.subarray(0, cut)).update(bytes.subarray(cut)).hex(), sha256(bytes), `${length} cut`);
  }
  const long = randomBytes(1_000_003);
  const hash = new Sha256();
  for (let at = 0, step = 1; at < long.length; at += step, step = (step * 7 + 3) % 5000) hash.update(long.subarray(at, at + step));
  assert.equal(hash.hex(), sha256(long));
});

/** A stream that counts how far it was pulled, and whether it was cancelled. */
function stream(pieces) {
  const state = { pulled: 0, cancelled: false };
  const body = new ReadableStream({
    pull(controller) {
      if (state.pulled === pieces.length) return controller.close();
      controller.enqueue(pieces[state.pulled++]);
    },
    cancel: () => (state.cancelled = true),
  }, { highWaterMark: 0 });
  return { body, state };
}

test("every kind of bytes is held the same", async () => {
  const bytes = new Uint8Array(randomBytes(100_000));
  const kinds = [bytes, bytes.buffer.slice(0), new Blob([bytes]), stream([bytes.subarray(0, 7), bytes.subarray(7)]).body];
  for (const kind of kinds) {
    const source = await hold(kind, LIMIT);
    assert.deepEqual([source.size, source.sha256], [bytes.length, sha256(bytes)]);
    assert.deepEqual(Buffer.from(await source.slice(99_990, 200_000)), Buffer.from(bytes.subarray(99_990)));
  }
});

test("a large Blob and a large stream are hashed piece by piece", async () => {
  const bytes = new Uint8Array(AT_ONCE + 12_345).map((_, index) => index * 31);
  const blob = await hold(new Blob([bytes]), LIMIT);
  const pieces = Array.from({ length: 9 }, (_, index) => bytes.subarray(index * 1024 * 1024, (index + 1) * 1024 * 1024));
  const spooled = await hold(stream(pieces).body, LIMIT);
  for (const source of [blob, spooled]) assert.equal(source.sha256, sha256(bytes));
  assert.deepEqual(Buffer.from(await spooled.slice(4 * 1024 * 1024 - 1, 4 * 1024 * 1024 + 2)),
    Buffer.from(bytes.subarray(4 * 1024 * 1024 - 1, 4 * 1024 * 1024 + 2)), "over the border of two parts");
});

test("a stream past the limit is not read to its end", async () => {
  const { body, state } = stream(Array(100).fill(new Uint8Array(1024)));
  await assert.rejects(hold(body, 10 * 1024), { code: "too_large" });
  assert.deepEqual([state.pulled, state.cancelled], [11, true]);
  await assert.rejects(hold(new Uint8Array(11), 10), { code: "too_large" });
  await assert.rejects(hold(new Blob([new Uint8Array(11)]), 10), { code: "too_large" });
});

test("what cannot be read is told, and an abort ends the reading", async () => {
  const failing = new ReadableStream({ pull: (controller) => controller.error(new Error("disk")) });
  await assert.rejects(hold(failing, LIMIT), { code: "document_unreadable" });
  await assert.rejects(hold(stream(["text"]).body, LIMIT), { code: "document_unreadable" });
  const abort = new AbortController();
  const endless = new ReadableStream({ pull: (controller) => (controller.enqueue(new Uint8Array(1)), abort.abort()) });
  await assert.rejects(hold(endless, LIMIT, abort.signal), { code: "cancelled" });
});

test("an abort ends a stream that stands still", { timeout: 30_000 }, async () => {
  const abort = new AbortController();
  let given;
  const cancelled = new Promise((resolve) => (given = resolve));
  const held = hold(new ReadableStream({ cancel: given }), LIMIT, abort.signal);
  setTimeout(() => abort.abort(), 20);
  await assert.rejects(held, { name: "TrienError", code: "cancelled" });
  assert.equal((await cancelled).code, "cancelled", "whoever fills it hears of it");
});

test("what the page has given away already cannot be read, by the library's own error", async () => {
  const { body } = stream([new Uint8Array(3)]);
  body.getReader();
  const gone = new Uint8Array(3);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  for (const bytes of [body, gone]) await assert.rejects(hold(bytes, LIMIT), { name: "TrienError", code: "document_unreadable" });
});

test("where one of several documents cannot be held, the others are read no further", { timeout: 30_000 }, async () => {
  const documents = new Documents(undefined, { max_document: 10 });
  /** A stream that never ends, and when whoever fills it has heard that nobody reads on. */
  const endless = () => {
    let given;
    const cancelled = new Promise((resolve) => (given = resolve));
    return { bytes: new ReadableStream({ cancel: given }), cancelled };
  };
  const [beside, shared] = [endless(), endless()];
  for (const [{ bytes, cancelled }, other, code] of [
    [beside, stream([new Uint8Array(11)]).body, "too_large"],
    [shared, shared.bytes, "document_unreadable"],
  ]) {
    const held = documents.hold([{ name: "a", bytes }, { name: "b", bytes: other }]);
    await assert.rejects(held, { name: "TrienError", code });
    await cancelled;
  }
});
