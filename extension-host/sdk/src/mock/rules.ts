/** What a page may ask for, and what is wrong with a request whatever the person says: by the daemon's rules. */

import { fromBase64 } from "../encoding.ts";
import type {
  Authenticate, Certificates, DocumentRef, ErrorCode, HashAlgorithm, SignDigest, SignDigests, SignDocuments, VerifyDocuments,
} from "../protocol.ts";
import { isReachable } from "./authorities.ts";
import { MAX_DOCUMENT } from "./documents.ts";

/** Requests that need a permission, by method. */
export interface Asked {
  certificates: Certificates;
  authenticate: Authenticate;
  sign_digest: SignDigest;
  sign_digests: SignDigests;
  sign_documents: SignDocuments;
  verify_documents: VerifyDocuments;
}

/** One of them. */
export type Job = { [Method in keyof Asked]: { method: Method; params: Asked[Method] } }[keyof Asked];

const MAX_DOCUMENTS = 500;
const MAX_NAME = 255;
const LENGTHS: Record<HashAlgorithm, number> = { "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 };

/** The request, if it is one that needs a permission. */
export function jobOf(method: string, params: object): Job | undefined {
  const methods: readonly string[] = ["certificates", "authenticate", "sign_digest", "sign_digests", "sign_documents", "verify_documents"];
  return methods.includes(method) ? ({ method, params } as Job) : undefined;
}

/** The permissions that it takes. */
export function needs({ method, params }: Job): string[] {
  switch (method) {
    case "certificates":
      return ["certificates"];
    case "authenticate":
      return params.signing_certificate === true ? ["sign_in", "certificates"] : ["sign_in"];
    case "sign_digest":
      return ["blind_digest"];
    case "sign_digests":
      return ["blind_digest", "batch"];
    case "sign_documents":
      return params.documents.length > 1 ? ["sign", "batch"] : ["sign"];
    case "verify_documents":
      return ["verify"];
  }
}

/** Why it is refused before anybody is asked; `known` are the certificates that the page was shown on this connection. */
export function faultOf({ method, params }: Job, known: ReadonlySet<string>, taxCode: string | undefined): ErrorCode | undefined {
  const isUnknown = (certificate: string | undefined) => certificate !== undefined && !known.has(certificate);
  switch (method) {
    case "certificates":
      return params.tax_code !== undefined && params.tax_code !== taxCode ? "no_certificate" : undefined;
    case "authenticate":
      return isNonce(params.nonce) ? undefined : "bad_nonce";
    case "sign_digest":
      return faultOfDigest(params.digest, params.hash) ?? (isUnknown(params.certificate) ? "certificate_not_found" : undefined);
    case "sign_digests":
      return faultOfDigests(params) ?? (isUnknown(params.certificate) ? "certificate_not_found" : undefined);
    case "sign_documents":
      if (params.content !== undefined && (params.format !== "cades_parallel" || params.documents.length !== 1)) return "bad_request";
      if (params.level !== undefined && !isReachable(params.level, params.format)) return "bad_request";
      return faultOfDocuments(params.documents)
        ?? (params.documents.some(({ name }) => isLong(name)) ? "too_large" : undefined)
        ?? (isUnknown(params.certificate) ? "certificate_not_found" : undefined);
    case "verify_documents":
      return params.content !== undefined && params.documents.length !== 1 ? "bad_request" : faultOfDocuments(params.documents);
  }
}

/** What is wrong with documents that are still to come. */
export function faultOfManifest(documents: readonly DocumentRef[], sizeOf: (sha256: string) => number | undefined): ErrorCode | undefined {
  const sizes = new Map<string, number>();
  for (const { sha256, size } of documents) {
    if ((sizes.get(sha256) ?? size) !== size) return "bad_request";
    sizes.set(sha256, size);
    const held = sizeOf(sha256);
    if (held === size) continue;
    if (held !== undefined) return "batch_mismatch";
    if (!/^[0-9a-f]{64}$/.test(sha256) || size === 0) return "bad_request";
    if (size > MAX_DOCUMENT) return "too_large";
  }
  return undefined;
}

/** Base64 of at least 256 bits that are not all the same, and no longer than a challenge has reason to be. */
function isNonce(nonce: string): boolean {
  const bytes = /^[A-Za-z0-9+/]{42,126}={0,2}$/.test(nonce) && nonce.length >= 44 && nonce.length <= 128 ? fromBase64(nonce) : undefined;
  return bytes !== undefined && nonce.length % 4 === 0 && bytes.length >= 32 && bytes.some((byte) => byte !== bytes[0]);
}

function isLong(name: string | undefined): boolean {
  return [...(name ?? "")].length > MAX_NAME;
}

function faultOfDigest(digest: string, hash: HashAlgorithm): ErrorCode | undefined {
  const bytes = fromBase64(digest);
  const length: number | undefined = LENGTHS[hash];
  if (bytes === undefined || length === undefined) return "bad_request";
  return bytes.length === length ? undefined : "bad_digest";
}

function faultOfDigests({ digests, hash }: SignDigests): ErrorCode | undefined {
  if (digests.length === 0) return "bad_request";
  if (digests.length > MAX_DOCUMENTS) return "too_large";
  for (const { name, digest } of digests) {
    const fault = isLong(name) ? "too_large" : faultOfDigest(digest, hash);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultOfDocuments(documents: readonly DocumentRef[]): ErrorCode | undefined {
  if (documents.length === 0) return "bad_request";
  return documents.length > MAX_DOCUMENTS ? "too_large" : undefined;
}
