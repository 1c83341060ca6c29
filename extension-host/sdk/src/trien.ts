import { Conversation } from "./conversation.ts";
import { Documents } from "./documents.ts";
import type { PageDocument } from "./documents.ts";
import { connect } from "./connect.ts";
import type { ConnectOptions } from "./connect.ts";
import { toBase64 } from "./encoding.ts";
import { TrienError } from "./error.ts";
import type {
  Appearance, AuthenticationToken, Certificate, DigestSignature, DocumentRef, HashAlgorithm, HelloReply, RsaPadding, SignatureFormat,
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
  readonly #conversation: Conversation;
  readonly #documents: Documents;
  readonly #hello: HelloReply;

  private constructor(conversation: Conversation, hello: HelloReply) {
    this.#conversation = conversation;
    this.#hello = hello;
    this.#documents = new Documents(conversation, hello);
  }

  /** Finds a road to the daemon and agrees on a version. Best called after a click: the browser may ask a question. */
  static async connect(options: ConnectOptions = {}): Promise<Trien> {
    const { conversation, hello } = await connect(options);
    return new Trien(conversation, hello);
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
    return (await this.#conversation.request<Certificate>("certificates", params, options)).result;
  }

  /**
   * The person proves who sits here. The token goes to the portal's server, which checks it against the origin that it
   * is configured with and the nonce that it keeps in its own session; nothing in it may be believed before.
   */
  async authenticate(options: AuthenticateOptions): Promise<AuthenticationToken> {
    const params = present({ nonce: options.nonce, signing_certificate: options.signingCertificate });
    return (await this.#conversation.request<AuthenticationToken>("authenticate", params, options)).result;
  }

  /** Signs documents and returns each with its signature. One that fails does not touch the others. */
  async signDocuments(
    options: SignDocumentsOptions & BlobResults,
  ): Promise<{ documents: SignBlobResult[]; certificate: Certificate }>;
  async signDocuments(options: SignDocumentsOptions): Promise<{ documents: SignResult[]; certificate: Certificate }>;
  async signDocuments(options: SignDocumentsOptions & Partial<BlobResults>) {
    const { format, certificate, padding, appearance, reason, location, signal, onProgress } = options;
    const documents = await this.#upload(options.documents, options);
    const params = present({ documents, format, certificate, padding, appearance, reason, location });
    const { result } = await this.#conversation.request<SignedDocuments>("sign_documents", params, {
      signal,
      onProgress,
    });
    return { documents: await this.#collect(result, options), certificate: result.certificate };
  }

  /** Signs a digest. The origin needs a permission of its own for this: the person cannot see what is behind it. */
  async signDigest(options: SignDigestOptions): Promise<DigestSignature> {
    const { certificate, hash, digest, padding } = options;
    const params = present({ certificate, hash, digest: toBase64(digest), padding });
    return (await this.#conversation.request<DigestSignature>("sign_digest", params, options)).result;
  }

  /** Checks every signature of each document. */
  async verifyDocuments(options: VerifyDocumentsOptions): Promise<VerifiedDocuments> {
    const { content, signal, onProgress } = options;
    const all = content === undefined ? options.documents : [...options.documents, content];
    const references = await this.#upload(all, options);
    const params = content === undefined
      ? { documents: references }
      : { documents: references.slice(0, -1), content: references.at(-1) };
    const request = { signal, onProgress };
    return (await this.#conversation.request<VerifiedDocuments>("verify_documents", params, request)).result;
  }

  /** Ends the connection; the daemon forgets its documents. */
  close(): void {
    this.#conversation.close();
  }

  async #upload(documents: PageDocument[], { signal, onProgress }: CallOptions): Promise<DocumentRef[]> {
    const held = await this.#documents.hold(documents, signal);
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

/** Without absent fields: the daemon refuses a field whose value is null. */
function present<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
