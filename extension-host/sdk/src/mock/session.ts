/** One connection to the mock, with what the page holds and asks there. */

import { fromBase64, sha256, toBase64 } from "../encoding.ts";
import type { MockOptions, MockQuestion } from "../mock.ts";
import type {
  AuthenticationToken, CancelReply, Certificate, DigestSignature, DigestSignatures, DocumentRef, Download, ErrorCode, ErrorObject, Hello,
  HelloReply, Receipt, SignDigests, SignDocuments, SignedDigest, SignedDocuments, Stage, Upload, VerifiedDocuments, VerifyDocuments,
} from "../protocol.ts";
import { PROTOCOL_VERSION } from "../protocol.ts";
import type { Authorities, Waiting } from "./authorities.ts";
import { stamped } from "./authorities.ts";
import { MAX_CHUNK, MAX_DOCUMENT, MockDocuments } from "./documents.ts";
import type { Manifest } from "./documents.ts";
import type { Answer, Recall } from "./recall.ts";
import { Commitment } from "./recall.ts";
import { Refusal, errorObject } from "./refusal.ts";
import type { Job } from "./rules.ts";
import { faultOf, faultOfManifest, jobOf, needs } from "./rules.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const MARKER = utf8("\n% signed by the mock of Trien: worth nothing\n");
const SCOPES = ["certificates", "sign_in", "sign", "batch", "verify", "blind_digest"];
const CAPABILITIES = ["authenticate", "content", "hash", "idempotency", "level", "manifest"];
const ALGORITHM = { cryptoAlgorithm: "RSA", hashFunction: "SHA-256", paddingScheme: "PKCS1.5" };

const CERTIFICATE: Certificate = {
  sha256: "00".repeat(32), certificate: "AA==", chain: [], subject: { common_name: "Nguyễn Văn An" }, issuer: "Mock CA",
  serial: "01", not_before: "2026-01-01T00:00:00Z", not_after: "2046-01-01T00:00:00Z", supported_algorithms: [ALGORITHM],
};

/** A request that has no reply yet. */
interface Request {
  id: number;
  commitment: Commitment;
}

export class MockSession {
  readonly #options: MockOptions;
  readonly #recall: Recall;
  readonly #authorities: Authorities;
  readonly #say: (message: object) => void;
  readonly #documents = new MockDocuments();
  readonly #open = new Map<number, Commitment>();
  /** SHA-256 of the certificates that the page was shown on this connection. */
  readonly #shown = new Set<string>();
  /** What both ends have, once they have greeted each other. */
  #capabilities: string[] | undefined;
  #isOver = false;

  constructor(options: MockOptions, recall: Recall, authorities: Authorities, say: (message: object) => void) {
    this.#options = options;
    this.#recall = recall;
    this.#authorities = authorities;
    this.#say = say;
  }

  async hear(id: number, method: string, params: object): Promise<void> {
    const commitment = new Commitment();
    this.#open.set(id, commitment);
    try {
      const result = await Promise.race([this.#do({ id, commitment }, method, params), commitment.left]);
      this.#reply({ jsonrpc: "2.0", id, result });
    } catch (error) {
      const refused = error instanceof Refusal;
      this.#reply({ jsonrpc: "2.0", id, error: refused ? errorObject(error.code) : errorObject("internal", String(error)) });
    } finally {
      this.#open.delete(id);
    }
  }

  /** The page has gone, and takes back what can still be taken back. */
  leave(): void {
    this.#isOver = true;
    for (const commitment of this.#open.values()) commitment.leave();
  }

  async #do(request: Request, method: string, params: object): Promise<object> {
    if (method === "hello") return this.#hello(params as Hello);
    const job = jobOf(method, params);
    if (job === undefined && !["upload", "download", "cancel"].includes(method)) throw new Refusal("method_not_found");
    if (this.#capabilities === undefined) throw new Refusal("hello_expected");
    if (job !== undefined) return this.#answer(request, job);
    switch (method) {
      case "upload":
        return this.#documents.upload(params as Upload);
      case "download":
        return this.#documents.download(params as Download);
      default:
        return this.#cancel((params as { request: number }).request);
    }
  }

  get #certificate(): Certificate {
    return { ...CERTIFICATE, ...this.#options.certificate };
  }

  get #scopes(): string[] {
    return this.#options.scopes ?? SCOPES;
  }

  #reply(message: object): void {
    if (!this.#isOver) this.#say(message);
  }

  #hello({ versions, capabilities = [] }: Hello): HelloReply {
    if (this.#capabilities !== undefined) throw new Refusal("hello_expected");
    if (!versions.includes(PROTOCOL_VERSION)) throw new Refusal("version_mismatch");
    const scopes = this.#scopes;
    if (scopes.length === 0) throw new Refusal("not_allowed");
    const both = capabilities.filter((name) => CAPABILITIES.includes(name));
    this.#capabilities = both;
    const limits = { max_chunk: MAX_CHUNK, max_document: MAX_DOCUMENT };
    return { version: PROTOCOL_VERSION, session: "00".repeat(16), capabilities: both, scopes, ...limits };
  }

  /** Under a key, the same request gets the same reply, and nobody is asked for it. */
  async #answer(request: Request, job: Job): Promise<object> {
    const { idempotency_key: key } = job.params as { idempotency_key?: string };
    if (key !== undefined && !/^[A-Za-z0-9_-]{16,64}$/.test(key)) throw new Refusal("bad_request");
    // Who may not ask may not ask again either.
    if (!needs(job).every((scope) => this.#scopes.includes(scope))) throw new Refusal("not_allowed");
    if (key === undefined) return (await this.#carryOut(request, job)).result;
    const work = () => this.#carryOut(request, job);
    const { result, documents, again } = await this.#recall.run(key, JSON.stringify(job), request.commitment, work);
    if (!again) return result;
    for (const [digest, bytes] of documents) this.#documents.publish(digest, bytes);
    if (job.method === "sign_digest" || job.method === "sign_digests") this.#shown.add(job.params.certificate);
    if (job.method === "sign_documents") this.#shown.add(this.#certificate.sha256);
    return result;
  }

  async #carryOut(request: Request, job: Job): Promise<Answer> {
    const fault = faultOf(job, this.#shown, this.#certificate.subject.tax_code);
    if (fault !== undefined) throw new Refusal(fault);
    const alone = (result: object) => ({ result, documents: new Map() });
    switch (job.method) {
      case "certificates":
        await this.#ask(request, question(job));
        this.#shown.add(this.#certificate.sha256);
        return alone(this.#certificate);
      case "authenticate":
        await this.#ask(request, question(job));
        request.commitment.commit();
        return alone(this.#token(job.params.signing_certificate === true));
      case "sign_digest":
        await this.#ask(request, question(job));
        request.commitment.commit();
        return alone(signature());
      case "sign_digests":
        await this.#ask(request, question(job));
        return alone(await this.#signDigests(request, job.params));
      case "sign_documents":
        await this.#collect(request, all(job.params));
        await this.#ask(request, question(job));
        return this.#sign(request, job.params);
      case "verify_documents":
        await this.#collect(request, all(job.params));
        return alone(verify(job.params));
    }
  }

  async #ask(request: Request, asked: MockQuestion): Promise<void> {
    const { documents, digests } = asked.params as { documents?: unknown[]; digests?: unknown[] };
    this.#tell(request, "asking", 0, (documents ?? digests)?.length ?? 1);
    const decision = (await this.#options.decide?.(asked)) ?? "approve";
    if (request.commitment.isLeft) throw new Refusal("cancelled");
    if (decision !== "approve") throw new Refusal(decision);
  }

  #token(signingToo: boolean): AuthenticationToken {
    const { certificate, supported_algorithms: supportedSignatureAlgorithms } = this.#certificate;
    const proof = { algorithm: "RS256", signature: toBase64(new Uint8Array(256)) };
    const appVersion = "https://trien.vn/mock/0.0.0";
    const token = { unverifiedCertificate: certificate, ...proof, format: "web-eid:1.0", appVersion };
    if (!signingToo) return token;
    return { ...token, format: "web-eid:1.1", unverifiedSigningCertificates: [{ certificate, supportedSignatureAlgorithms }] };
  }

  /** Of what has ended nothing is heard. */
  #tell({ id, commitment }: Request, stage: Stage, done: number, total: number): void {
    if (!commitment.isLeft) this.#reply({ jsonrpc: "2.0", method: "progress", params: { request: id, stage, done, total } });
  }

  /** What becomes of each item of a batch: the error it has, or none. Throws where nothing at all is signed. */
  #batch(request: Request, asked: MockQuestion, total: number, stop: boolean): (ErrorObject | undefined)[] {
    const errors: (ErrorObject | undefined)[] = [];
    let last: ErrorCode | undefined;
    for (let index = 0; index < total; index += 1) {
      if (index === this.#options.pulledAt) this.#tell(request, "paused", index, total);
      this.#tell(request, "signing", index, total);
      const outcome = last !== undefined && stop ? "batch_stopped" : (this.#options.item?.(asked, index) ?? "signed");
      if (outcome !== "signed") last = outcome;
      errors.push(outcome === "signed" ? undefined : errorObject(outcome));
    }
    if (last !== undefined && !errors.includes(undefined)) throw new Refusal(last);
    request.commitment.commit();
    return errors;
  }

  async #signDigests(request: Request, params: SignDigests): Promise<DigestSignatures> {
    const asked: MockQuestion = { method: "sign_digests", params: { ...params } };
    const errors = this.#batch(request, asked, params.digests.length, params.on_error === "stop");
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
  async #collect(request: Request, documents: DocumentRef[]): Promise<void> {
    const fault = faultOfManifest(documents, (digest) => this.#documents.get(digest)?.length);
    if (fault !== undefined) throw new Refusal(fault);
    const here = () => documents.filter((document) => this.#documents.has(document)).length;
    const tell = () => this.#tell(request, "collecting", here(), documents.length);
    if (here() === documents.length) return;
    if (!this.#capabilities?.includes("manifest")) throw new Refusal("document_missing");
    await new Promise<void>((resolve, end) => {
      const manifest: Manifest = {
        documents,
        look: () => {
          if (here() < documents.length) return tell();
          this.#documents.forget(manifest);
          resolve();
        },
        end,
      };
      this.#documents.expect(manifest);
      request.commitment.onLeave = () => this.#documents.forget(manifest);
      tell();
    });
  }

  async #sign(request: Request, params: SignDocuments): Promise<Answer> {
    const { documents } = params;
    const asked: MockQuestion = { method: "sign_documents", params: { ...params } };
    const errors = this.#batch(request, asked, documents.length, params.on_error === "stop");
    const made: Answer["documents"] = new Map();
    const signed: SignedDocuments["documents"] = [];
    const level = params.level === "B-B" ? undefined : params.level;
    for (const [index, { name, sha256: digest }] of documents.entries()) {
      if (level !== undefined) this.#tell(request, "stamping", index, documents.length);
      const [error, held] = [errors[index], this.#documents.get(digest)];
      if (error !== undefined || held === undefined) {
        signed.push({ status: "failed", name, error: error ?? errorObject("document_missing") });
        continue;
      }
      let bytes = new Uint8Array(held.length + MARKER.length);
      bytes.set(held);
      bytes.set(MARKER, held.length);
      const waits = level !== undefined && this.#authorities.areSilent;
      if (level !== undefined && !waits) bytes = stamped(bytes);
      const reached = level === undefined ? {} : waits ? { level: "B-B" as const, waiting: true } : { level };
      const item = { status: "signed" as const, name, sha256: await sha256(bytes), size: bytes.length, ...reached };
      const keep = (name: string, bytes: Uint8Array<ArrayBuffer>) => {
        this.#documents.publish(name, bytes);
        made.set(name, bytes);
      };
      keep(item.sha256, bytes);
      signed.push(item);
      if (!waits) continue;
      const tell: Waiting["tell"] = (raised, bytes) => {
        keep(raised.sha256, bytes);
        this.#reply({ jsonrpc: "2.0", method: "raised", params: { request: request.id, ...raised } });
      };
      this.#authorities.wait({ item, bytes, level, tell });
    }
    const results = signed.map((one) => (one.status === "signed" ? one.sha256 : ""));
    this.#shown.add(this.#certificate.sha256);
    const receipt = await this.#receipt(all(params), results);
    const result: SignedDocuments = { documents: signed, certificate: this.#certificate, receipt };
    return { result, documents: made };
  }

  /** As the daemon makes it, but that no record bears it out. */
  async #receipt(documents: DocumentRef[], results: string[]): Promise<Receipt> {
    const lines = documents.map((one) => `${one.sha256}\n${one.size}\n${utf8(one.name).length}\n${one.name}\n`);
    const manifest = await sha256(utf8(lines.join("")));
    const certificate = this.#certificate.sha256;
    return { manifest, entry: 1, hash: "0".repeat(64), time: new Date().toISOString(), certificate, results };
  }

  #cancel(request: number): CancelReply {
    return { cancelled: this.#open.get(request)?.leave() === true };
  }
}

/** What the person is asked. */
function question({ method, params }: Exclude<Job, { method: "verify_documents" }>): MockQuestion {
  return { method, params: { ...params } };
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
