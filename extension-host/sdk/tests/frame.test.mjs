import assert from "node:assert/strict";
import test from "node:test";
import { load } from "../../tests/peer/load.mjs";

const { joinBinary, splitBinary } = await load("sdk/src/frame.ts");
const { toBase64, fromBase64 } = await load("sdk/src/encoding.ts");

test("a frame comes apart as it was joined", () => {
  const message = { jsonrpc: "2.0", id: 1, method: "upload", params: { tên: "Ổn" } };
  const frame = joinBinary(message, Uint8Array.of(1, 2, 3));
  assert.equal(new DataView(frame.buffer).getUint32(0, true), Buffer.byteLength(JSON.stringify(message)));
  assert.deepEqual(splitBinary(frame.buffer), { message, bytes: Uint8Array.of(1, 2, 3) });
  assert.equal(splitBinary(joinBinary(message, new Uint8Array()).buffer).bytes.length, 0);
});

test("a frame that lies is no frame", () => {
  const frame = (...bytes) => Uint8Array.from(bytes).buffer;
  for (const bad of [frame(), frame(1, 0, 0), frame(0, 0, 0, 0), frame(3, 0, 0, 0, 123, 125),
    frame(255, 255, 255, 255, 123, 125), frame(2, 0, 0, 0, 255, 254), frame(2, 0, 0, 0, 123, 123)]) {
    assert.equal(splitBinary(bad), undefined);
  }
});

test("base64 of every byte and of large pieces", () => {
  const bytes = Uint8Array.from({ length: 512 * 1024 }, (_, index) => (index * 7) & 255);
  assert.equal(toBase64(bytes), Buffer.from(bytes).toString("base64"));
  assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
  assert.equal(fromBase64("§"), undefined);
});
