import { Conversation } from "./conversation.ts";
import { Documents } from "./documents.ts";
import type { Held, PageDocument } from "./documents.ts";
import { connect } from "./connect.ts";
import type { ConnectOptions, Connection } from "./connect.ts";
import { toBase64 } from "./encoding.ts";
import { TrienError } from "./error.ts";
import type { TrienErrorCode } from "./error.ts";
import type {
  Appearance, AuthenticationToken, Certificate, Certification, DigestSignature, DocumentRef, HashAlgorithm, HelloReply, RsaPadding, SignatureFormat,
  SignedDocuments, Stage, VerifiedDocuments,
} from "./protocol.ts";
import type { RoadName } from "./road.ts";

/** How far a request has come: bytes while documents travel, documents while the daemon works. */
export interface ProgressReport {
  stage: Stage | "uploading" | "downloading";
  done: number;
  total: number;
}

/** What every request may have. */
export interface CallOptions {
  /** Ends the request with `cancelled`; the consent window closes. */
  signal?: AbortSignal;
  onProgress?: (progress: ProgressReport) => void;
}

export interface SignDocumentsOptions extends CallOptions {
  documents: PageDocument[];
  format: SignatureFormat;
  /** SHA-256 of a certificate that {@link Trien.certificates} returned; if absent the person picks. */
  certificate?: string;
  padding?: RsaPadding;
  appearance?: Appearance;
  reason?: string;
  location?: string;
  field?: string;
  certify?: Certification;
  lock?: string[];
}

/** How results come back: in memory, or as a Blob that the browser may keep on disk. */
export interface BlobResults {
  results: "blob";
}

/** What {@link Trien.authenticate} needs. */
export interface AuthenticateOptions extends CallOptions {
  /** The portal's single-use challenge: base64 of at least 256 random bits, 44 to 128 characters, at most five minutes old. */
  nonce: string;
  /** Also hand over the person's signing certificate (format `web-eid:1.1`); needs the permission `certificates` too. */
  signingCertificate?: boolean;
}

export interface SignDigestOptions extends CallOptions {
  certificate: string;
  hash: HashAlgorithm;
  digest: Uint8Array;
  padding?: RsaPadding;
}

export interface VerifyDocumentsOptions extends CallOptions {
  documents: PageDocument[];
  /** For detached CMS: what was signed. */
  content?: PageDocument;
}

/** What became of one document: its bytes, or why there are none. */
export type SignResult =
  | { name: string; bytes: Uint8Array<ArrayBuffer>; error?: undefined }
  | { name: string; bytes?: undefined; error: TrienError };

/** The same with the result as a Blob. */
export type SignBlobResult =
  | { name: string; blob: Blob; error?: undefined }
  | { name: string; blob?: undefined; error: TrienError };

/** A connection to the daemon on this computer. Every method throws {@link TrienError} and nothing else. */
export class Trien {
  readonly #options: ConnectOptions;
  #conversation: Conversation;
  #documents: Documents;
  #hello: HelloReply;
  #closed = false;

  private constructor(options: ConnectOptions, { conversation, hello }: Connection) {
    this.#options = options;
    this.#conversation = conversation;
    this.#hello = hello;
    this.#documents = new Documents(conversation, hello);
  }

  /** Finds a road to the daemon and agrees on a version. Best called after a click: the browser may ask a question. */
  static async connect(options: ConnectOptions = {}): Promise<Trien> {
    return new Trien(options, await connect(options));
  }

  /** The road that was found. */
  get road(): RoadName {
    return this.#conversation.road;
  }

  /** What this origin may ask for, by name: `certificates`, `sign_in`, `sign`, `batch`, `verify`, `blind_digest`. */
  get scopes(): readonly string[] {
    return this.#hello.scopes;
  }

  /** The person picks a certificate, and the page sees that one. */
  async certificates(options: CallOptions & { taxCode?: string } = {}): Promise<Certificate> {
    const params = present({ tax_code: options.taxCode });
    return this.#ask<Certificate>("certificates", params, options);
  }

  /**
   * The person proves who sits here. The token goes to the portal's server, which checks it against the origin that it
   * is configured with and the nonce that it keeps in its own session; nothing in it may be believed before.
   */
  async authenticate(options: AuthenticateOptions): Promise<AuthenticationToken> {
    const params = present({ nonce: options.nonce, signing_certificate: options.signingCertificate });
    return this.#ask<AuthenticationToken>("authenticate", this.#keyed(params), options);
  }

  /** Signs documents and returns each with its signature. One that fails does not touch the others. */
  async signDocuments(
    options: SignDocumentsOptions & BlobResults,
  ): Promise<{ documents: SignBlobResult[]; certificate: Certificate }>;
  async signDocuments(options: SignDocumentsOptions): Promise<{ documents: SignResult[]; certificate: Certificate }>;
  async signDocuments(options: SignDocumentsOptions & Partial<BlobResults>) {
    const { format, certificate, padding, appearance, reason, location, field, certify, lock, signal } = options;
    const held = await this.#documents.hold(options.documents, signal);
    const documents = await this.#upload(held, options);
    const params = this.#keyed(present({
      documents, format, certificate, padding, appearance, reason, location, field, certify, lock,
    }));
    const result = await this.#ask<SignedDocuments>("sign_documents", params, options, held);
    return { documents: await this.#collect(result, options), certificate: result.certificate };
  }

  /** Signs a digest. The origin needs a permission of its own for this: the person cannot see what is behind it. */
  async signDigest(options: SignDigestOptions): Promise<DigestSignature> {
    const { certificate, hash, digest, padding } = options;
    const params = present({ certificate, hash, digest: toBase64(digest), padding });
    return this.#ask<DigestSignature>("sign_digest", this.#keyed(params), options);
  }

  /** Checks every signature of each document. */
  async verifyDocuments(options: VerifyDocumentsOptions): Promise<VerifiedDocuments> {
    const { content, signal } = options;
    const all = content === undefined ? options.documents : [...options.documents, content];
    const held = await this.#documents.hold(all, signal);
    const references = await this.#upload(held, options);
    const params = content === undefined
      ? { documents: references }
      : { documents: references.slice(0, -1), content: references.at(-1) };
    return this.#ask<VerifiedDocuments>("verify_documents", params, options, held);
  }

  /** Ends the connection; the daemon forgets its documents. */
  close(): void {
    this.#closed = true;
    this.#conversation.close();
  }

  /** A signature is asked for again only under a key, by which the daemon knows that it is the same one. */
  #keyed<T extends object>(params: T): T & { idempotency_key?: string } {
    return this.#hello.capabilities?.includes("idempotency") ? { ...params, idempotency_key: crypto.randomUUID() } : params;
  }

  /**
   * Sends a request and waits for its reply. Where the connection is lost, for instance because the browser stopped the
   * extension, it is made anew once and the request asked again, if that cannot sign anything twice.
   */
  async #ask<Result>(method: string, params: object, { signal, onProgress }: CallOptions, held: Held[] = []): Promise<Result> {
    const ask = async () => (await this.#conversation.request<Result>(method, params, { signal, onProgress })).result;
    try {
      return await ask();
    } catch (error) {
      if (!isCode(error, "closed") || this.#closed || signal?.aborted) throw error;
      if (!REPEATABLE.includes(method) && !("idempotency_key" in params)) throw error;
      await this.#reconnect(signal).catch((why: unknown) => {
        // Whoever was connected a moment ago is not helped by "not installed".
        throw isCode(why, "not_running") || isCode(why, "not_allowed") ? why : error;
      });
    }
    try {
      return await ask();
    } catch (error) {
      // The first request had come to nothing, and its documents went with the connection.
      if (!isCode(error, "document_missing") || held.length === 0) throw error;
      await this.#upload(held, signal === undefined ? {} : { signal });
      return ask();
    }
  }

  async #reconnect(signal: AbortSignal | undefined): Promise<void> {
    const options = { ...this.#options, roads: [this.road], ...(signal === undefined ? {} : { signal }) };
    const { conversation, hello } = await connect(options);
    if (this.#closed) conversation.close();
    this.#conversation = conversation;
    this.#hello = hello;
    this.#documents = new Documents(conversation, hello);
  }

  #upload(held: Held[], { signal, onProgress }: CallOptions): Promise<DocumentRef[]> {
    return this.#documents.upload(held, signal, (done, total) => onProgress?.({ stage: "uploading", done, total }));
  }

  async #collect({ documents }: SignedDocuments, options: CallOptions & Partial<BlobResults>) {
    const { signal, onProgress, results } = options;
    const total = documents.reduce((sum, item) => sum + (item.status === "signed" ? item.size : 0), 0);
    const collected: (SignResult | SignBlobResult)[] = [];
    let before = 0;
    for (const item of documents) {
      if (item.status === "failed") {
        collected.push({ name: item.name, error: TrienError.fromReply(item.error) });
        continue;
      }
      const meter = (part: number) => onProgress?.({ stage: "downloading", done: before + part, total });
      const { name } = item;
      if (results === "blob") collected.push({ name, blob: await this.#documents.downloadBlob(item, signal, meter) });
      else collected.push({ name, bytes: await this.#documents.download(item, signal, meter) });
      before += item.size;
    }
    return collected;
  }
}

/** Requests that sign nothing. */
const REPEATABLE: readonly string[] = ["certificates", "verify_documents"];

function isCode(error: unknown, code: TrienErrorCode): boolean {
  return error instanceof TrienError && error.code === code;
}

/** Without absent fields: the daemon refuses a field whose value is null. */
function present<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
