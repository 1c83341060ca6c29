/**
 * The messages between the page library of Web eID (version 2) and its extension, so that a portal built for it works
 * unchanged. Pure: what they look like, and what is wrong with one.
 */

import type { TrienErrorCode } from "../../../sdk/src/error.ts";

/** The version of the wire that is spoken, with our own behind it (SemVer 2.0.0, build metadata). */
export const WIRE_VERSION = "2.1.0";

/** The library's newest major version whose messages are known. */
const NEWEST_LIBRARY = 2;

/** How long the person has if the page does not say, in milliseconds. */
const USER_TIME_OUT = 120_000;

/** The longest that a page can ask for, in milliseconds. */
const LONGEST_USER_TIME_OUT = 3_600_000;

/** Longest text in a request: a certificate in base64, with room. */
const MAX_TEXT = 64 * 1024;

export type Action = "status" | "authenticate" | "get-signing-certificate" | "sign";

/** What each action needs, in the order in which it is missed. */
const FIELDS: Record<Action, readonly string[]> = {
  status: [],
  authenticate: ["challengeNonce"],
  "get-signing-certificate": [],
  sign: ["certificate", "hash", "hashFunction"],
};

/** The hash functions of the wire, and what ours calls those that it signs with. */
const HASHES = ["SHA-224", "SHA-256", "SHA-384", "SHA-512", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512"];
const SIGNED_HASHES = ["SHA-256", "SHA-384", "SHA-512"];

/** A request as the content script hands it on: known fields alone, none of them checked. */
export interface WebEidRequest {
  action: Action;
  libraryVersion?: unknown;
  userInteractionTimeout?: unknown;
  fields: Record<string, unknown>;
}

/** A request whose fields are there. */
export interface CheckedRequest {
  libraryVersion: string;
  /** In milliseconds. */
  timeoutMs: number;
  fields: Record<string, string>;
}

const CODES = {
  USER_TIMEOUT: "UserTimeoutError",
  VERSION_MISMATCH: "VersionMismatchError",
  VERSION_INVALID: "VersionInvalidError",
  NATIVE_UNAVAILABLE: "NativeUnavailableError",
  UNKNOWN_ERROR: "UnknownError",
  CONTEXT_INSECURE: "ContextInsecureError",
  USER_CANCELLED: "UserCancelledError",
  NATIVE_INVALID_ARGUMENT: "NativeInvalidArgumentError",
  NATIVE_FATAL: "NativeFatalError",
  ACTION_PENDING: "ActionPendingError",
  MISSING_PARAMETER: "MissingParameterError",
} as const;

export type FailureCode = keyof typeof CODES;

/** What a page is told of a request that came to nothing. */
export class Failure {
  readonly code: FailureCode;
  readonly message: string;
  readonly requiresUpdate: { extension: boolean; nativeApp: boolean } | undefined;

  constructor(code: FailureCode, message: string, requiresUpdate?: Failure["requiresUpdate"]) {
    this.code = code;
    this.message = message;
    this.requiresUpdate = requiresUpdate;
  }

  /** The message to the page. */
  of(action: Action): { action: string; error: object } {
    const { code, message, requiresUpdate } = this;
    const error = { code: `ERR_WEBEID_${code}`, name: CODES[code], message, ...(requiresUpdate ? { requiresUpdate } : {}) };
    return { action: `web-eid:${action}-failure`, error };
  }
}

/** Reads what passes through a page's window. `undefined` if it is no request of this wire. */
export function readRequest(data: unknown): WebEidRequest | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const message = data as Record<string, unknown>;
  const { action, libraryVersion, options } = message;
  const name = typeof action === "string" && action.startsWith("web-eid:") ? action.slice(8) : "";
  if (!Object.hasOwn(FIELDS, name)) return undefined;
  const known = name as Action;
  const fields = Object.fromEntries(FIELDS[known].map((field) => [field, passable(message[field])]));
  const { userInteractionTimeout } = (options ?? {}) as { userInteractionTimeout?: unknown };
  return {
    action: known,
    libraryVersion: passable(libraryVersion),
    userInteractionTimeout: typeof userInteractionTimeout === "number" ? userInteractionTimeout : undefined,
    fields,
  };
}

/** Texts of a bearable length pass; anything else becomes `null`, which is there but never right. */
function passable(value: unknown): unknown {
  if (value === undefined || value === "") return undefined;
  return typeof value === "string" && value.length <= MAX_TEXT ? value : null;
}

/** A request whose fields can be used, or what is wrong with it. */
export function check(request: WebEidRequest): CheckedRequest | Failure {
  const { action, libraryVersion, userInteractionTimeout } = request;
  const major = typeof libraryVersion === "string" ? /^(\d{1,9})\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/.exec(libraryVersion)?.[1] : undefined;
  if (major === undefined) return new Failure("VERSION_INVALID", "libraryVersion is no semantic version");
  if (Number(major) > NEWEST_LIBRARY) {
    const update = { extension: true, nativeApp: false };
    return new Failure("VERSION_MISMATCH", `the page's library is version ${major}; ${NEWEST_LIBRARY} is the newest known`, update);
  }
  const fields: Record<string, string> = {};
  for (const name of FIELDS[action]) {
    const value = request.fields[name];
    if (value === undefined) return new Failure("MISSING_PARAMETER", `${name} is missing`);
    if (typeof value !== "string") return new Failure("NATIVE_INVALID_ARGUMENT", `${name} is no text, or too long`);
    fields[name] = value;
  }
  const { hashFunction } = fields;
  if (hashFunction !== undefined && !SIGNED_HASHES.includes(hashFunction)) {
    const known = HASHES.includes(hashFunction) ? "is not signed with; use SHA-256, SHA-384 or SHA-512" : "is not known";
    return new Failure("NATIVE_INVALID_ARGUMENT", `hashFunction ${known}`);
  }
  const wanted = Number(userInteractionTimeout);
  const timeoutMs = wanted > 0 ? Math.min(wanted, LONGEST_USER_TIME_OUT) : USER_TIME_OUT;
  return { libraryVersion: libraryVersion as string, timeoutMs, fields };
}

/** What an error of the daemon, or of the way to it, is called on this wire. */
export function failureOf(code: TrienErrorCode, message: string): Failure {
  switch (code) {
    case "cancelled":
      return new Failure("USER_CANCELLED", message);
    case "timed_out":
      return new Failure("USER_TIMEOUT", message);
    case "outdated":
      return new Failure("VERSION_MISMATCH", message, { extension: false, nativeApp: true });
    case "not_installed":
    case "not_running":
    case "blocked_by_browser":
    case "closed":
      return new Failure("NATIVE_UNAVAILABLE", message);
    case "bad_nonce":
    case "bad_digest":
    case "bad_request":
    case "too_large":
    case "certificate_not_found":
      return new Failure("NATIVE_INVALID_ARGUMENT", message);
    default:
      return new Failure("NATIVE_FATAL", message);
  }
}
