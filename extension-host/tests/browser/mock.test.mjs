// The mock says what the daemon says: the table that it is held against in sdk/tests/mock.test.mjs, asked of the real daemon.
import assert from "node:assert/strict";
import { once } from "node:events";
import test, { after, before } from "node:test";
import WebSocket from "ws";
import { CASES, until } from "../peer/requests.mjs";
import { Stage } from "./stage.mjs";

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

/** A connection of a page of this origin. */
async function connect(origin) {
  const socket = new WebSocket(`ws://127.0.0.1:${stage.websocketPort}/v1`, "trien.v1", { origin });
  await once(socket, "open");
  const waiting = new Map();
  let last = 0;
  socket.on("message", (data, binary) => {
    const length = binary ? data.readUInt32LE(0) : 0;
    const message = JSON.parse(binary ? data.subarray(4, 4 + length) : data);
    waiting.get(message.id)?.(message);
  });
  const begin = (method, params) => {
    const id = ++last;
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return { id, reply: new Promise((resolve) => waiting.set(id, resolve)) };
  };
  return { begin, call: (method, params) => begin(method, params).reply, close: () => socket.close() };
}

for (const [index, { name, scopes, capabilities = ["manifest", "idempotency"], greeted = true, run, expected }] of CASES.entries()) {
  test(`the daemon: ${name}`, { timeout: 120_000 }, async (context) => {
    const origin = `https://portal-${index}.example`;
    stage.trien("origin", "allow", origin, ...scopes.flatMap((scope) => ["--scope", scope]));
    await stage.quiet();
    stage.answer("approve");
    const lines = [];
    context.after(() => lines.forEach(({ close }) => close()));
    const open = async (greeting = true) => {
      const line = await connect(origin);
      lines.push(line);
      if (greeting) assert.ok((await line.call("hello", { versions: [1], capabilities })).result);
      return line;
    };
    const asked = () => stage.record.filter(({ record }) => record.action === "asked" && record.origin === origin).length;
    // The record has a question before its process has read what it is to answer; and one that has ended may be there for a while.
    const seen = [];
    const opened = async (count) => {
      const anew = () => stage.asking.find((process) => !seen.includes(process));
      await until(() => asked() === count && anew() !== undefined);
      seen.push(anew());
    };
    const outcomes = await run({ line: await open(greeted), connect: open, say: async (what) => stage.answer(what), asked, opened });
    assert.deepEqual(outcomes, expected);
  });
}
