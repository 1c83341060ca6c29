// A peer that speaks the daemon's side of the protocol on both roads, so that the page's side can be tested alone.
// It signs nothing: a "signed" document is the document with a line appended.
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { WebSocketServer } from "ws";

/**
 * A free port below those that the system gives away by itself: where something listens anew after a while, others' own
 * connections and servers could have taken one of those.
 */
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = net.createServer().listen(port, "127.0.0.1");
    const taken = await new Promise((resolve) => server.once("listening", () => resolve(false)).once("error", () => resolve(true)));
    if (taken) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

const MAX_CHUNK = 512 * 1024;
const CERTIFICATE = {
  sha256: "00".repeat(32), certificate: "AA==", chain: [], subject: { common_name: "Nguyễn Văn An" },
  issuer: "CA", serial: "01", not_before: "2026-01-01T00:00:00Z", not_after: "2027-01-01T00:00:00Z",
};

export function failure(code, number = -32000, retry = false) {
  const words = { vi: `vi ${code}`, en: `en ${code}` };
  return { code: number, message: words.en, data: { code, message: words, remedy: words, retry } };
}

/** One connection's documents and answers. `override` may answer a method in its own way. */
class Conversation {
  constructor(reply, override) {
    this.reply = reply;
    this.override = override;
    this.documents = new Map();
    this.waiting = new Map();
    this.heard = [];
  }

  hear(message, bytes) {
    this.heard.push({ ...message, bytes: bytes?.length });
    const { id, method, params } = message;
    const answer = (result, body) => this.reply({ jsonrpc: "2.0", id, result }, body);
    const refuse = (code) => this.reply({ jsonrpc: "2.0", id, error: failure(code) });
    if (this.override[method]) return this.override[method]({ ...this, params, id, answer, refuse, conversation: this });
    this[method]({ params, id, answer, refuse, bytes });
  }

  hello({ params, answer, refuse }) {
    if (!params.versions.includes(1)) return refuse("version_mismatch");
    answer({ version: 1, session: "ab".repeat(16), max_chunk: MAX_CHUNK, max_document: 200 * 1024 * 1024 });
  }

  certificates({ answer }) {
    answer(CERTIFICATE);
  }

  upload({ params, answer, refuse, bytes }) {
    const piece = bytes ?? Buffer.from(params.data ?? "", "base64");
    const held = this.documents.get(params.sha256) ?? Buffer.alloc(0);
    if (params.size > 0 && held.length === params.size) return answer({ received: held.length, sealed: true });
    if (piece.length > MAX_CHUNK || params.offset !== held.length) return refuse("upload_mismatch");
    const document = Buffer.concat([held, piece]);
    const sealed = document.length === params.size;
    if (sealed && digest(document) !== params.sha256) return refuse("upload_mismatch");
    this.documents.set(params.sha256, document);
    answer({ received: document.length, sealed });
  }

  download({ params, answer, refuse }) {
    const document = this.documents.get(params.sha256);
    if (!document) return refuse("document_missing");
    const piece = document.subarray(params.offset, params.offset + Math.min(params.length, MAX_CHUNK));
    answer({ size: document.length }, piece);
  }

  sign_documents({ params, id, answer, refuse }) {
    for (const { sha256 } of params.documents) if (!this.documents.has(sha256)) return refuse("document_missing");
    const total = params.documents.length;
    this.reply({ jsonrpc: "2.0", method: "progress", params: { request: id, stage: "asking", done: 0, total } });
    const documents = params.documents.map(({ name, sha256 }) => {
      const signed = Buffer.concat([this.documents.get(sha256), Buffer.from("\n%signed\n")]);
      this.documents.set(digest(signed), signed);
      return { status: "signed", name, sha256: digest(signed), size: signed.length };
    });
    answer({ documents, certificate: CERTIFICATE });
  }

  cancel({ params, answer }) {
    const refuse = this.waiting.get(params.request);
    refuse?.("cancelled");
    answer({ cancelled: refuse !== undefined });
  }
}

function digest(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Listens on the WebSocket. `conversations` grows by one a connection. */
export async function listenWebSocket({ port = 0, override = {} } = {}) {
  const conversations = [];
  const server = new WebSocketServer({ host: "127.0.0.1", port, path: "/v1", maxPayload: 2 * MAX_CHUNK });
  server.on("connection", (socket) => {
    const reply = (message, body) => socket.send(body === undefined ? JSON.stringify(message) : join(message, body));
    const conversation = new Conversation(reply, override);
    conversation.socket = socket;
    conversations.push(conversation);
    socket.on("message", (data, binary) => {
      if (!binary) return conversation.hear(JSON.parse(data));
      const length = data.readUInt32LE(0);
      conversation.hear(JSON.parse(data.subarray(4, 4 + length)), data.subarray(4 + length));
    });
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const close = () => new Promise((resolve) => {
    for (const client of server.clients) client.terminate();
    server.close(resolve);
  });
  return { port: server.address().port, conversations, close };
}

function join(message, body) {
  const head = Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, body]);
}

/** Listens on the per-user socket under `home`. Each conversation knows its opening. */
export async function listenSocket(home, { override = {} } = {}) {
  const conversations = [];
  const folder = path.join(home, "run");
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  const server = net.createServer((socket) => {
    const send = (message) => socket.write(frame(JSON.stringify(message)));
    const reply = ({ result, ...rest }, body) =>
      send(body === undefined ? { result, ...rest } : { ...rest, result: { ...result, data: body.toString("base64") } });
    const conversation = new Conversation(reply, override);
    conversations.push(conversation);
    readFrames(socket, (text) => {
      if (conversation.opening) conversation.hear(JSON.parse(text));
      else conversation.opening = JSON.parse(text);
    });
    socket.on("error", () => {});
    socket.on("close", () => (conversation.closed = true));
  });
  const place = path.join(folder, "daemon.sock");
  rmSync(place, { force: true });
  await new Promise((resolve) => server.listen(place, resolve));
  return { conversations, close: () => new Promise((resolve) => server.close(resolve)) };
}

function frame(text) {
  const body = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([length, body]);
}

function readFrames(socket, hear) {
  let held = Buffer.alloc(0);
  socket.on("data", (data) => {
    held = Buffer.concat([held, data]);
    while (held.length >= 4 && held.length >= 4 + held.readUInt32LE(0)) {
      const end = 4 + held.readUInt32LE(0);
      hear(held.subarray(4, end).toString());
      held = held.subarray(end);
    }
  });
}
