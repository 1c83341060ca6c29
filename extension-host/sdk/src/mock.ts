/**
 * `@trien/sdk/mock`: plays the extension, the daemon and the person in a window, for a portal's own tests. The page's
 * code stays as it is: `Trien.connect()` finds the mock as it would find the extension. It signs nothing: a "signed"
 * document is the document with a line appended, which no verifier takes for signed. While it plays, no WebSocket to a
 * daemon opens: a test never reaches the Triện of the computer it runs on.
 *
 *     const mock = playTrien({ decide: ({ method }) => (method === "sign_documents" ? "approve" : "cancelled") });
 *     … the page does what it does …
 *     assert.equal(mock.heard.at(-1).method, "sign_documents");
 *     mock.close();
 */

import { BRIDGE_VERSION, MARK, readFromPage } from "./bridge.ts";
import type { CloseReason, FromExtension } from "./bridge.ts";
import { fromBase64, sha256, toBase64 } from "./encoding.ts";
import type {
  AuthenticationToken, CancelReply, Certificate, DigestSignature, DigestSignatures, DocumentRef, Download, DownloadReply, ErrorCode,
  ErrorObject, Hello, HelloReply, Receipt, SignDigests, SignDocuments, SignedDigest, SignedDocuments, Stage, Upload, UploadReply,
  VerifiedDocuments, VerifyDocuments,
} from "./protocol.ts";
import { TEXTS } from "./mock-texts.ts";
import { PROTOCOL_VERSION, SUBPROTOCOL } from "./protocol.ts";

/** What the page asks of the person. */
export interface MockQuestion {
  method: "certificates" | "authenticate" | "sign_digest" | "sign_digests" | "sign_documents";
  params: Record<string, unknown>;
}

export interface MockOptions {
  /** What the person, or the token, says: `approve`, or the error that the page gets. `approve` if absent. */
  decide?: (question: MockQuestion) => "approve" | ErrorCode | Promise<"approve" | ErrorCode>;
  /** What becomes of one item of a batch, counted from 0: `signed`, or the error that this item has. `signed` if absent. */
  item?: (question: MockQuestion, index: number) => "signed" | ErrorCode;
  /** Before which item of a batch, counted from 0, the token is pulled; the page hears `paused`, and then that it goes on. */
  pulledAt?: number;
  /** Instead of a connection: why there is none, for instance `daemon_not_running`. */
  refuse?: CloseReason;
  /** What the origin may ask for; everything if absent. */
  scopes?: string[];
  /** Fields of the certificate that the person picks. */
  certificate?: Partial<Certificate>;
}

/** A mock that plays. */
export interface Mock {
  /** Every request of the page, in order, without document bytes. */
  readonly heard: readonly { method: string; params: Record<string, unknown> }[];
  /** Ends open sessions as if the browser had stopped the extension; the page's next try finds the mock again. */
  lose(): void;
  /** Stops to play; open sessions end as if the daemon had ended. */
  close(): void;
}

const MAX_CHUNK = 512 * 1024;
const MAX_DOCUMENT = 200 * 1024 * 1024;
const utf8 = (text: string) => new TextEncoder().encode(text);
const MARKER = new TextEncoder().encode("\n% signed by the mock of Trien: worth nothing\n");
const SCOPES = ["certificates", "sign_in", "sign", "batch", "verify", "blind_digest"];
const ALGORITHM = { cryptoAlgorithm: "RSA", hashFunction: "SHA-256", paddingScheme: "PKCS1.5" };

const CERTIFICATE: Certificate = {
  sha256: "00".repeat(32), certificate: "AA==", chain: [], subject: { common_name: "Nguyễn Văn An" }, issuer: "Mock CA",
  serial: "01", not_before: "2026-01-01T00:00:00Z", not_after: "2046-01-01T00:00:00Z", supported_algorithms: [ALGORITHM],
};

/** The numbers of errors do not matter to a page; the codes do. */
const NUMBER = -32000;

class Refusal {
  readonly code: ErrorCode;

  constructor(code: ErrorCode) {
    if (!(code in TEXTS)) throw new TypeError(`no error code of Triện: ${code}`);
    this.code = code;
  }
}

/** Starts to play in this window. */
export function playTrien(options: MockOptions = {}): Mock {
  const heard: { method: string; params: Record<string, unknown> }[] = [];
  const sessions = new Map<string, MockSession>();
  const listen = (event: MessageEvent) => {
    const message = event.source === window ? readFromPage(event.data) : undefined;
    if (message === undefined) return;
    if (message[MARK] === "ping") return post({ [MARK]: "pong", bridge: BRIDGE_VERSION, version: "0.0.0-mock" });
    const { session } = message;
    if (message[MARK] === "open" && options.refuse !== undefined) {
      post({ [MARK]: "closed", session, reason: options.refuse });
    } else if (message[MARK] === "open") {
      sessions.set(session, new MockSession(options, (reply) => post({ [MARK]: "message", session, message: reply })));
    } else if (message[MARK] === "send") {
      const { id, method, params } = JSON.parse(message.text) as { id: number; method: string; params: Record<string, unknown> };
      const { data: _, ...told } = params;
      heard.push({ method, params: told });
      void sessions.get(session)?.hear(id, method, params);
    } else {
      sessions.delete(session);
    }
  };
  window.addEventListener("message", listen);
  const letThrough = keepFromDaemon();
  const end = (reason: CloseReason) => {
    for (const session of sessions.keys()) post({ [MARK]: "closed", session, reason });
    sessions.clear();
  };
  return {
    heard,
    lose: () => end("extension_stopped"),
    close: () => {
      window.removeEventListener("message", listen);
      letThrough();
      end("host_exited");
    },
  };
}

/** Sockets to a daemon fail from now on, as where nobody listens, until what comes back is called. */
function keepFromDaemon(): () => void {
  const real = globalThis.WebSocket;
  const kept = new Proxy(real, {
    construct(target, words: [string | URL, (string | string[])?]) {
      if (![words[1]].flat().includes(SUBPROTOCOL)) return new target(...words);
      const socket = Object.assign(new EventTarget(), { close: () => {} });
      setTimeout(() => socket.dispatchEvent(new Event("close")));
      return socket;
    },
  });
  globalThis.WebSocket = kept;
  return () => {
    if (globalThis.WebSocket === kept) globalThis.WebSocket = real;
  };
}

function post(message: FromExtension): void {
  window.postMessage(message, window.location.origin);
}

/** What a request waits for. */
interface Manifest {
  documents: DocumentRef[];
  /** Another document is here. */
  look(): void;
  end(refusal: Refusal): void;
}

class MockSession {
  readonly #options: MockOptions;
  readonly #reply: (message: object) => void;
  readonly #documents = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Those of them that are complete. */
  readonly #sealed = new Set<string>();
  /** By request, what it waits for. */
  readonly #manifests = new Map<number, Manifest>();
  readonly #waiting = new Map<number, (refusal: Refusal) => void>();
  /** What both ends have. */
  #capabilities: string[] = [];

  constructor(options: MockOptions, reply: (message: object) => void) {
    this.#options = options;
    this.#reply = reply;
  }

  async hear(id: number, method: string, params: Record<string, unknown>): Promise<void> {
    try {
      const cancelled = new Promise<never>((_, reject) => this.#waiting.set(id, reject));
      cancelled.catch(() => {});
      const result = await Promise.race([this.#do(id, method, params), cancelled]);
      this.#reply({ jsonrpc: "2.0", id, result });
    } catch (error) {
      const refused = error instanceof Refusal;
      this.#reply({ jsonrpc: "2.0", id, error: refused ? errorObject(error.code) : errorObject("internal", String(error)) });
    } finally {
      this.#waiting.delete(id);
      this.#manifests.delete(id);
    }
  }

  async #do(id: number, method: string, params: Record<string, unknown>): Promise<object> {
    switch (method) {
      case "hello":
        return this.#hello(params as Hello);
      case "certificates":
        await this.#ask(id, { method, params });
        return this.#certificate;
      case "authenticate":
        await this.#ask(id, { method, params });
        return this.#token();
      case "sign_digest":
        await this.#ask(id, { method, params });
        return signature();
      case "sign_digests":
        if ((params as SignDigests).digests.length === 0) throw new Refusal("bad_request");
        await this.#ask(id, { method, params });
        return this.#signDigests(id, params as SignDigests);
      case "sign_documents":
        if ((params as SignDocuments).documents.length === 0) throw new Refusal("bad_request");
        await this.#collect(id, all(params as SignDocuments));
        await this.#ask(id, { method, params });
        return this.#sign(id, params as SignDocuments);
      case "verify_documents":
        await this.#collect(id, all(params as VerifyDocuments));
        return verify(params as VerifyDocuments);
      case "upload":
        return this.#upload(params as Upload);
      case "download":
        return this.#download(params as Download);
      case "cancel":
        return this.#cancel(params.request as number);
      default:
        throw new Refusal("method_not_found");
    }
  }

  get #certificate(): Certificate {
    return { ...CERTIFICATE, ...this.#options.certificate };
  }

  #hello({ versions, capabilities = [] }: Hello): HelloReply {
    if (!versions.includes(PROTOCOL_VERSION)) throw new Refusal("version_mismatch");
    const scopes = this.#options.scopes ?? SCOPES;
    if (scopes.length === 0) throw new Refusal("not_allowed");
    const both = capabilities.filter((name) => ["authenticate", "content", "hash", "idempotency", "manifest"].includes(name));
    this.#capabilities = both;
    const limits = { max_chunk: MAX_CHUNK, max_document: MAX_DOCUMENT };
    return { version: PROTOCOL_VERSION, session: "00".repeat(16), capabilities: both, scopes, ...limits };
  }

  async #ask(request: number, question: MockQuestion): Promise<void> {
    const { documents, digests } = question.params as { documents?: unknown[]; digests?: unknown[] };
    this.#tell(request, "asking", 0, (documents ?? digests)?.length ?? 1);
    const decision = (await this.#options.decide?.(question)) ?? "approve";
    if (decision !== "approve") throw new Refusal(decision);
  }

  #token(): AuthenticationToken {
    const { certificate } = this.#certificate;
    const proof = { algorithm: "RS256", signature: toBase64(new Uint8Array(256)) };
    return { unverifiedCertificate: certificate, ...proof, format: "web-eid:1.0", appVersion: "https://trien.vn/mock/0.0.0" };
  }

  #tell(request: number, stage: Stage, done: number, total: number): void {
    this.#reply({ jsonrpc: "2.0", method: "progress", params: { request, stage, done, total } });
  }

  /** What becomes of each item of a batch: the error it has, or none. Throws where nothing at all is signed. */
  #batch(request: number, question: MockQuestion, total: number, stop: boolean): (ErrorObject | undefined)[] {
    const errors: (ErrorObject | undefined)[] = [];
    let last: ErrorCode | undefined;
    for (let index = 0; index < total; index += 1) {
      if (index === this.#options.pulledAt) this.#tell(request, "paused", index, total);
      this.#tell(request, "signing", index, total);
      const outcome = last !== undefined && stop ? "batch_stopped" : (this.#options.item?.(question, index) ?? "signed");
      if (outcome !== "signed") last = outcome;
      errors.push(outcome === "signed" ? undefined : errorObject(outcome));
    }
    if (last !== undefined && !errors.includes(undefined)) throw new Refusal(last);
    return errors;
  }

  async #signDigests(id: number, params: SignDigests): Promise<DigestSignatures> {
    const question: MockQuestion = { method: "sign_digests", params: { ...params } };
    const errors = this.#batch(id, question, params.digests.length, params.on_error === "stop");
    const { signature: value, raw_signature, algorithm, signature_algorithm } = signature();
    const signatures = errors.map((error): SignedDigest =>
      error === undefined ? { status: "signed", signature: value, raw_signature } : { status: "failed", error });
    const result = await sha256(fromBase64(value) ?? new Uint8Array());
    const manifest = params.digests.map(({ name = "", digest }) => {
      const bytes = fromBase64(digest) ?? new Uint8Array();
      return { name, sha256: Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""), size: 0 };
    });
    const receipt = await this.#receipt(manifest, errors.map((error) => (error === undefined ? result : "")));
    return { signatures, algorithm, signature_algorithm, receipt };
  }

  /** Waits until every document of a request is here. */
  async #collect(request: number, documents: DocumentRef[]): Promise<void> {
    const here = () => documents.filter(({ sha256 }) => this.#sealed.has(sha256)).length;
    const tell = () => this.#tell(request, "collecting", here(), documents.length);
    if (here() === documents.length) return;
    if (!this.#capabilities.includes("manifest")) throw new Refusal("document_missing");
    const complete = new Promise<void>((resolve, end) => {
      const look = () => (here() === documents.length ? resolve() : tell());
      this.#manifests.set(request, { documents, look, end });
    });
    tell();
    await complete.finally(() => this.#manifests.delete(request));
  }

  async #sign(id: number, params: SignDocuments): Promise<SignedDocuments> {
    const { documents } = params;
    const question: MockQuestion = { method: "sign_documents", params: { ...params } };
    const errors = this.#batch(id, question, documents.length, params.on_error === "stop");
    const signed: SignedDocuments["documents"] = [];
    for (const [index, { name, sha256: digest }] of documents.entries()) {
      const [error, held] = [errors[index], this.#documents.get(digest)];
      if (error !== undefined || held === undefined) {
        signed.push({ status: "failed", name, error: error ?? errorObject("document_missing") });
        continue;
      }
      const bytes = new Uint8Array(held.length + MARKER.length);
      bytes.set(held);
      bytes.set(MARKER, held.length);
      const result = await sha256(bytes);
      this.#documents.set(result, bytes);
      this.#sealed.add(result);
      signed.push({ status: "signed", name, sha256: result, size: bytes.length });
    }
    const results = signed.map((one) => (one.status === "signed" ? one.sha256 : ""));
    return { documents: signed, certificate: this.#certificate, receipt: await this.#receipt(all(params), results) };
  }

  /** As the daemon makes it, but that no record bears it out. */
  async #receipt(documents: DocumentRef[], results: string[]): Promise<Receipt> {
    const lines = documents.map((one) => `${one.sha256}\n${one.size}\n${utf8(one.name).length}\n${one.name}\n`);
    const manifest = await sha256(utf8(lines.join("")));
    const certificate = this.#certificate.sha256;
    return { manifest, entry: 1, hash: "0".repeat(64), time: new Date().toISOString(), certificate, results };
  }

  /** What is in no manifest that waits, or other than it says, ends the requests that wait. */
  async #upload(upload: Upload): Promise<UploadReply> {
    const all = [...this.#manifests.values()];
    const names = ({ documents }: Manifest) => documents.some(({ sha256, size }) => sha256 === upload.sha256 && size === upload.size);
    const named = all.filter(names);
    try {
      if (all.length > 0 && named.length === 0) throw new Refusal("upload_mismatch");
      const reply = await this.#take(upload);
      if (reply.sealed) for (const { look } of all) look();
      return reply;
    } catch (error) {
      for (const { end } of named.length > 0 ? named : all) end(new Refusal("batch_mismatch"));
      throw error;
    }
  }

  async #take({ sha256: digest, size, offset, data }: Upload): Promise<UploadReply> {
    const piece = fromBase64(data ?? "");
    const held = this.#documents.get(digest) ?? new Uint8Array();
    if (piece === undefined || piece.length > MAX_CHUNK || offset !== held.length) throw new Refusal("upload_mismatch");
    const bytes = new Uint8Array(held.length + piece.length);
    bytes.set(held);
    bytes.set(piece, held.length);
    const sealed = bytes.length === size;
    if (bytes.length > size || (sealed && (await sha256(bytes)) !== digest)) throw new Refusal("upload_mismatch");
    this.#documents.set(digest, bytes);
    if (sealed) this.#sealed.add(digest);
    return { received: bytes.length, sealed };
  }

  #download({ sha256: digest, offset, length }: Download): DownloadReply {
    const held = this.#documents.get(digest);
    if (held === undefined) throw new Refusal("document_missing");
    return { size: held.length, data: toBase64(held.subarray(offset, offset + Math.min(length, MAX_CHUNK))) };
  }

  #cancel(request: number): CancelReply {
    const end = this.#waiting.get(request);
    end?.(new Refusal("cancelled"));
    return { cancelled: end !== undefined };
  }
}

function signature(): DigestSignature {
  const bytes = toBase64(new Uint8Array(256));
  return { signature: bytes, raw_signature: bytes, algorithm: "RS256", signature_algorithm: ALGORITHM };
}

/** What a request names, a content behind the rest. */
function all({ documents, content }: { documents: DocumentRef[]; content?: DocumentRef }): DocumentRef[] {
  return content === undefined ? documents : [...documents, content];
}

/** What the mock calls signed is signed by nobody. */
function verify({ documents }: VerifyDocuments): VerifiedDocuments {
  return { documents: documents.map(({ name }) => ({ name, valid: false, signatures: [] })) };
}

/** What the daemon says that trying again helps with, when it knows no more than the code. */
const AGAIN: readonly ErrorCode[] = [
  "busy", "rate_limited", "timed_out", "token_removed", "token_busy", "module_hung", "module_crashed",
  "bad_signature_from_token", "reader_service_stopped",
];

/** With the texts that the person would read; the detail says that it was the mock. */
function errorObject(code: ErrorCode, why?: string): ErrorObject {
  const texts = TEXTS[code] as (typeof TEXTS)[ErrorCode] | undefined;
  if (texts === undefined) throw new TypeError(`no error code of Triện: ${code}`);
  const [vi, viRemedy, en, enRemedy] = texts;
  const detail = why === undefined ? "by the mock of Triện" : `by the mock of Triện: ${why}`;
  const data = { code, message: { vi, en }, remedy: { vi: viRemedy, en: enRemedy }, retry: AGAIN.includes(code), detail };
  return { code: NUMBER, message: en, data };
}
