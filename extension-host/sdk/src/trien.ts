import { unlessAborted } from "./abort.ts";
import { Conversation } from "./conversation.ts";
import type { RequestOptions } from "./conversation.ts";
import { Documents, reference } from "./documents.ts";
import type { Held, PageDocument } from "./documents.ts";
import { connect } from "./connect.ts";
import type { ConnectOptions, Connection } from "./connect.ts";
import { toBase64 } from "./encoding.ts";
import { TrienError } from "./error.ts";
import type { TrienErrorCode } from "./error.ts";
import type {
  Algorithm, Appearance, AuthenticationToken, Certificate, Certification, DigestSignature, DigestSignatures, DocumentRef, HashAlgorithm,
  HelloReply, Level, OnError, Raised, Receipt, RsaPadding, SignatureFormat, SignedDocuments, Stage, VerifiedDocuments,
} from "./protocol.ts";
import type { RoadName } from "./road.ts";

/**
 * How far a request has come: bytes while documents travel, documents while the daemon works. `paused` says that the token
 * was pulled and the person is asked to put it back; `signing` follows when it is, or the request's end. `stamping` says
 * that all is signed and time-stamp authorities are asked, for minutes with some of them.
 */
export interface ProgressReport {
  stage: Exclude<Stage, "collecting"> | "uploading" | "downloading";
  done: number;
  total: number;
}

/** What every request may have. */
export interface CallOptions {
  /** Ends the request with `cancelled`; the consent window closes. */
  signal?: AbortSignal;
  onProgress?: (progress: ProgressReport) => void;
}

/** A document that waits no longer, and the level that it has: its new bytes, or why they could not be had. */
export type RaisedDocument = {
  /** Of the request. */
  name: string;
  level: Level;
} & ({ bytes: Uint8Array<ArrayBuffer>; error?: undefined } | { bytes?: undefined; error: TrienError });

export interface SignDocumentsOptions extends CallOptions {
  documents: PageDocument[];
  format: SignatureFormat;
  /** For `cades_parallel` beside a signature that stands alone: what that is about. Then `documents` holds one entry. */
  content?: PageDocument;
  /**
   * The baseline level the results are to have; `B-B` if absent. Where no authority answers, a result says `waiting` and at
   * which level it is, and the daemon goes on trying.
   */
  level?: Level;
  /**
   * Hears of each document that waited and has its level now, or the highest that can be had, as long as the connection lasts.
   */
  onRaised?: (raised: RaisedDocument) => void;
  /**
   * 16 to 64 letters, digits, `-` and `_`, of the page's own making, kept by it: for a day the same call with the same key signs
   * nothing anew and asks nobody, and its results are as far as they have come. For documents that wait while the page is
   * gone; sixteen such calls of a site are kept so long, and what is more for ten minutes.
   */
  idempotencyKey?: string;
  /** SHA-256 of a certificate that {@link Trien.certificates} returned; if absent the person picks. */
  certificate?: string;
  padding?: RsaPadding;
  /** The hash function of the signature; if absent, the one that fits the key. */
  hash?: HashAlgorithm;
  appearance?: Appearance;
  reason?: string;
  location?: string;
  field?: string;
  certify?: Certification;
  lock?: string[];
  /** What becomes of the others when one fails: `go_on` if absent. */
  onError?: OnError;
}

/** How results come back: in memory, or as a Blob that the browser may keep on disk. */
export interface BlobResults {
  results: "blob";
}

/** A call whose reply the page can ask for again when it is another page: reloaded, or come back. */
export interface KeyedOptions extends CallOptions {
  /**
   * 16 to 64 letters, digits, `-` and `_`, of the page's own making, kept by it: for ten minutes the same call with the same key
   * signs nothing anew, asks nobody, and has the reply that was lost. If absent, the library makes one for each call.
   */
  idempotencyKey?: string;
}

/** What {@link Trien.authenticate} needs. */
export interface AuthenticateOptions extends KeyedOptions {
  /** The portal's single-use challenge: base64 of at least 256 random bits, 44 to 128 characters, at most five minutes old. */
  nonce: string;
  /** Also hand over the person's signing certificate (format `web-eid:1.1`); needs the permission `certificates` too. */
  signingCertificate?: boolean;
}

export interface SignDigestOptions extends KeyedOptions {
  certificate: string;
  hash: HashAlgorithm;
  digest: Uint8Array;
  padding?: RsaPadding;
}

/** One digest of a batch. */
export interface PageDigest {
  /** What the person sees beside it, as the page's word. */
  name?: string;
  /** As long as the hash function makes it. */
  digest: Uint8Array;
}

export interface SignDigestsOptions extends KeyedOptions {
  certificate: string;
  hash: HashAlgorithm;
  /** At most 500. */
  digests: readonly PageDigest[];
  padding?: RsaPadding;
  /** What becomes of the others when one fails: `go_on` if absent. */
  onError?: OnError;
}

export interface VerifyDocumentsOptions extends CallOptions {
  documents: PageDocument[];
  /** For detached CMS: what was signed. */
  content?: PageDocument;
}

/** How far a document came, if a level was asked for. */
export interface Reached {
  level?: Level;
  /** The level asked for was not reached, for no authority answered. */
  waiting?: boolean;
}

/** What became of one document: its bytes, or why there are none. */
export type SignResult =
  | ({ name: string; bytes: Uint8Array<ArrayBuffer>; error?: undefined } & Reached)
  | { name: string; bytes?: undefined; error: TrienError };

/** The same with the result as a Blob. */
export type SignBlobResult =
  | ({ name: string; blob: Blob; error?: undefined } & Reached)
  | { name: string; blob?: undefined; error: TrienError };

/** What became of one digest of a batch: its signature as in {@link DigestSignature}, or why there is none. */
export type DigestResult =
  | { name?: string; signature: string; raw_signature: string; error?: undefined }
  | { name?: string; signature?: undefined; raw_signature?: undefined; error: TrienError };

/** What {@link Trien.signDocuments} gives. */
export interface SignedBatch<Result> {
  /** In the order of the request. */
  documents: Result[];
  certificate: Certificate;
  /** To be kept with what was signed: `trien audit verify --receipt` checks it against the record on the person's computer. */
  receipt: Receipt;
}

/** What {@link Trien.signDigests} gives. */
export interface SignedDigests {
  /** In the order of the request. */
  signatures: DigestResult[];
  /** What was used, for instance `RS256`. */
  algorithm: string;
  /** The same in the words of Web eID's wire. */
  signature_algorithm: Algorithm;
  /** As in {@link SignedBatch}. */
  receipt: Receipt;
}

/** A connection to the daemon on this computer. Every method throws {@link TrienError} and nothing else. */
export class Trien {
  readonly #options: ConnectOptions;
  #conversation: Conversation;
  #documents: Documents;
  #hello: HelloReply;
  #closed = false;
  /** By SHA-256, on which connection the page saw a certificate last. */
  readonly #shown = new Map<string, Conversation>();
  /** While a connection that was lost is made anew. */
  #renewal: Promise<void> | undefined;

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

  /**
   * The person picks a certificate, and the page sees that one. With `taxCode` only those that carry it are offered; where
   * there is none nobody is asked, and more than three different codes in vain in ten minutes are `rate_limited`.
   */
  async certificates(options: CallOptions & { taxCode?: string } = {}): Promise<Certificate> {
    const params = present({ tax_code: options.taxCode });
    const certificate = await this.#ask<Certificate>("certificates", params, options);
    this.#saw(certificate);
    return certificate;
  }

  /**
   * The person proves who sits here. The token goes to the portal's server, which checks it against the origin that it
   * is configured with and the nonce that it keeps in its own session; nothing in it may be believed before.
   */
  async authenticate(options: AuthenticateOptions): Promise<AuthenticationToken> {
    const params = present({ nonce: options.nonce, signing_certificate: options.signingCertificate });
    return this.#ask<AuthenticationToken>("authenticate", this.#keyed(params, options.idempotencyKey), options);
  }

  /** Signs documents and returns each with its signature. One that fails does not touch the others. */
  async signDocuments(
    options: SignDocumentsOptions & BlobResults,
  ): Promise<SignedBatch<SignBlobResult>>;
  async signDocuments(options: SignDocumentsOptions): Promise<SignedBatch<SignResult>>;
  async signDocuments(options: SignDocumentsOptions & Partial<BlobResults>) {
    const { format, level, certificate, padding, hash, appearance, reason, location, field, certify, lock, onError, signal } = options;
    if (options.content !== undefined && !this.#hello.capabilities?.includes("content")) throw TrienError.local("outdated");
    if (hash !== undefined && !this.#hello.capabilities?.includes("hash")) throw TrienError.local("outdated");
    const held = await this.#documents.hold(withContent(options), signal);
    const { documents, content } = references(held, options);
    const params = this.#keyed(present({
      documents, format, content, level, certificate, padding, hash, appearance, reason, location, field, certify, lock, on_error: onError,
    }), options.idempotencyKey);
    let replied: (result: SignedDocuments) => void = () => {};
    const reply = new Promise<SignedDocuments>((resolve) => (replied = resolve));
    // It may be kept for long, and the page's documents are not to be.
    const tell = options.onRaised;
    const onRaised = tell && (async (raised: Raised) => tell(await this.#fetchRaised(raised, await reply)));
    const collected: (SignResult | SignBlobResult)[] = [];
    const mayRepeat = "idempotency_key" in params;
    for (let left = mayRepeat ? RENEWALS : 0; ; left -= 1) {
      const result = await this.#ask<SignedDocuments>("sign_documents", params, { ...options, onRaised }, held);
      replied(result);
      this.#saw(result.certificate);
      try {
        await this.#collect(result, options, collected);
        return { documents: collected, certificate: result.certificate, receipt: result.receipt };
      } catch (error) {
        // What was signed went with the connection; under its key it is there again, and nothing is signed for that.
        const lost = isCode(error, "closed") || isCode(error, "document_missing");
        if (!lost || this.#closed || signal?.aborted || left === 0) throw error;
      }
    }
  }

  /** Signs a digest. The origin needs a permission of its own for this: the person cannot see what is behind it. */
  async signDigest(options: SignDigestOptions): Promise<DigestSignature> {
    const { certificate, hash, digest, padding } = options;
    const params = present({ certificate, hash, digest: toBase64(digest), padding });
    return this.#ask<DigestSignature>("sign_digest", this.#keyed(params, options.idempotencyKey), options);
  }

  /**
   * Signs digests with one question and one PIN. The origin needs the permissions for this and for batches. One that fails
   * does not touch the others.
   */
  async signDigests(options: SignDigestsOptions): Promise<SignedDigests> {
    const { certificate, hash, padding, onError } = options;
    const digests = options.digests.map(({ name, digest }) => present({ name, digest: toBase64(digest) }));
    const params = present({ certificate, hash, digests, padding, on_error: onError });
    const result = await this.#ask<DigestSignatures>("sign_digests", this.#keyed(params, options.idempotencyKey), options);
    if (result.signatures?.length !== digests.length) throw TrienError.local("internal", "sign_digests: another number");
    const signatures = result.signatures.map((item, index): DigestResult => {
      const name = options.digests[index]?.name;
      const named = name === undefined ? {} : { name };
      if (item.status === "failed") return { ...named, error: TrienError.fromReply(item.error) };
      return { ...named, signature: item.signature, raw_signature: item.raw_signature };
    });
    const { algorithm, signature_algorithm, receipt } = result;
    return { signatures, algorithm, signature_algorithm, receipt };
  }

  /** Checks every signature of each document. */
  async verifyDocuments(options: VerifyDocumentsOptions): Promise<VerifiedDocuments> {
    const held = await this.#documents.hold(withContent(options), options.signal);
    return this.#ask<VerifiedDocuments>("verify_documents", present(references(held, options)), options, held);
  }

  /** Ends the connection; the daemon forgets its documents. */
  close(): void {
    this.#closed = true;
    this.#conversation.close();
  }

  /** A signature is asked for again only under a key, by which the daemon knows that it is the same one. */
  #keyed<T extends object>(params: T, key?: string): T & { idempotency_key?: string } {
    if (!this.#hello.capabilities?.includes("idempotency")) return params;
    return { ...params, idempotency_key: key ?? crypto.randomUUID() };
  }

  #saw(certificate: Certificate | undefined): void {
    if (certificate !== undefined) this.#shown.set(certificate.sha256, this.#conversation);
  }

  /**
   * Which certificates the page was shown, the daemon knows of a connection alone. On another one than that of then, the
   * person is asked for it once more.
   */
  async #isShownAnew(error: unknown, params: { certificate?: string }, signal: AbortSignal | undefined): Promise<boolean> {
    const { certificate } = params;
    const shown = certificate === undefined ? undefined : this.#shown.get(certificate);
    if (!isCode(error, "certificate_not_found") || shown === undefined || shown === this.#conversation) return false;
    return (await this.certificates(signal ? { signal } : {})).sha256 === certificate;
  }

  /** The document that a note names; what it waited as is named in the reply. */
  async #fetchRaised({ from, sha256, size, level }: Raised, { documents }: SignedDocuments): Promise<RaisedDocument> {
    const waited = documents.find((item) => item.status === "signed" && item.sha256 === from);
    const name = waited?.name ?? "";
    try {
      return { name, level, bytes: await this.#documents.download({ name, sha256, size }, undefined, () => {}) };
    } catch (error) {
      return { name, level, error: error instanceof TrienError ? error : TrienError.local("internal", String(error)) };
    }
  }

  /**
   * Sends a request and waits for its reply. Its documents follow it, or go before it where the daemon wants that; those
   * that went with a lost connection are sent again.
   */
  async #ask<Result>(
    method: string, params: object, { signal, onProgress, onRaised }: CallOptions & Pick<RequestOptions, "onRaised">,
    held: Held[] = [],
  ): Promise<Result> {
    const mayRepeat = REPEATABLE.includes(method) || "idempotency_key" in params;
    const meter = (done: number, total: number) => onProgress?.({ stage: "uploading", done, total });
    const options = { signal, onProgress: onProgress as RequestOptions["onProgress"], onRaised };
    const request = () => this.#documents.request<Result>(method, params, held, options, meter);
    const upload = () => this.#lasting(() => this.#documents.upload(held, signal, meter), true, signal);
    if (!this.#documents.manifestFirst) await upload();
    for (let left = RENEWALS; ; left -= 1) {
      try {
        return await this.#lasting(request, mayRepeat, signal);
      } catch (error) {
        const lost = held.length > 0 && !this.#documents.manifestFirst && isCode(error, "document_missing");
        if (left === 0 || !(lost || (await this.#isShownAnew(error, params, signal)))) throw error;
        if (!lost) continue;
      }
      this.#documents.forget(held);
      await upload();
    }
  }

  /**
   * Where the connection is lost, for instance because the browser stopped the extension, it is made anew and the work
   * done again, if it may be repeated. A connection that was lost before costs nothing.
   */
  async #lasting<T>(work: () => Promise<T>, mayRepeat: boolean, signal: AbortSignal | undefined): Promise<T> {
    for (let left = mayRepeat ? RENEWALS : 0; ; left -= 1) {
      if (this.#conversation.ended && !this.#closed) await this.#renew(signal);
      try {
        return await work();
      } catch (error) {
        if (!isCode(error, "closed") || this.#closed || signal?.aborted || left === 0) throw error;
      }
    }
  }

  /** Makes the connection anew, once for all requests that miss it. */
  async #renew(signal: AbortSignal | undefined): Promise<void> {
    this.#renewal ??= this.#reconnect().finally(() => (this.#renewal = undefined));
    await unlessAborted(this.#renewal, signal);
  }

  /**
   * Tries for some seconds: a daemon that is started anew, or an extension that is updated, is back after that. A site that
   * has lost its permission meanwhile is told so; whether to ask for another is the page's to say, by {@link Trien.connect}.
   */
  async #reconnect(): Promise<void> {
    const options = { ...this.#options, roads: [this.road] };
    delete options.signal;
    const { ended } = this.#conversation;
    for (let wait = FIRST_PAUSE_MS; ; wait *= 2) {
      try {
        const { conversation, hello } = await connect(options, true);
        if (this.#closed) conversation.close();
        this.#conversation = conversation;
        this.#hello = hello;
        this.#documents = new Documents(conversation, hello);
        return;
      } catch (error) {
        const code = error instanceof TrienError ? error.code : undefined;
        if (this.#closed) throw TrienError.local("closed", "by the page");
        // On the WebSocket a site without a permission is answered as if nobody were there.
        if (code === "not_installed" && isCode(ended, "not_allowed")) throw ended;
        if (code === undefined || !PASSING.includes(code) || wait > LAST_PAUSE_MS) {
          // Whoever was connected a moment ago is not helped by "not installed".
          throw code === "not_running" || code === "not_allowed" ? error : TrienError.local("closed", `lost: ${code}`);
        }
      }
      // Many pages that lost the same daemon do not all come back at once.
      await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
    }
  }

  /** Fetches what was signed, behind what was collected before. */
  async #collect(
    { documents }: SignedDocuments, { signal, onProgress, results }: CallOptions & Partial<BlobResults>,
    collected: (SignResult | SignBlobResult)[],
  ): Promise<void> {
    const sizes = documents.map((item) => (item.status === "signed" ? item.size : 0));
    const sum = (all: number[]) => all.reduce((one, other) => one + other, 0);
    const total = sum(sizes);
    for (const item of documents.slice(collected.length)) {
      if (item.status === "failed") {
        collected.push({ name: item.name, error: TrienError.fromReply(item.error) });
        continue;
      }
      const before = sum(sizes.slice(0, collected.length));
      const meter = (part: number) => onProgress?.({ stage: "downloading", done: before + part, total });
      const { name, level, waiting } = item;
      const about = present({ name, level, waiting }) as { name: string } & Reached;
      if (results === "blob") collected.push({ ...about, blob: await this.#documents.downloadBlob(item, signal, meter) });
      else collected.push({ ...about, bytes: await this.#documents.download(item, signal, meter) });
    }
  }
}

/** How often one request survives the loss of its connection. */
const RENEWALS = 3;

/** Between tries to connect anew; each pause is twice the one before: 0.2, 0.4, 0.8, 1.6 and 3.2 s. */
const FIRST_PAUSE_MS = 200;
const LAST_PAUSE_MS = 3200;

/** What may pass by itself. On the WebSocket nobody listens while the daemon starts anew. */
const PASSING: readonly TrienErrorCode[] = ["closed", "not_running", "not_installed", "timed_out"];

/** Requests that sign nothing. */
const REPEATABLE: readonly string[] = ["certificates", "verify_documents"];

function isCode(error: unknown, code: TrienErrorCode): boolean {
  return error instanceof TrienError && error.code === code;
}

/** What a call hands over, a content behind the rest. */
type Named = Pick<VerifyDocumentsOptions, "documents" | "content">;

function withContent({ documents, content }: Named): PageDocument[] {
  return content === undefined ? documents : [...documents, content];
}

/** The same as it goes to the daemon. */
function references(held: Held[], { documents, content }: Named): { documents: DocumentRef[]; content?: DocumentRef } {
  const all = held.map(reference);
  const about = content === undefined ? undefined : all[documents.length];
  return about === undefined ? { documents: all } : { documents: all.slice(0, documents.length), content: about };
}

/** Without absent fields: the daemon refuses a field whose value is null. */
function present<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
