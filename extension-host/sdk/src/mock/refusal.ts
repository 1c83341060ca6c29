/** How the mock says no: in the words that the person would read of the daemon. */

import { TEXTS } from "../mock-texts.ts";
import type { ErrorCode, ErrorObject } from "../protocol.ts";

export class Refusal {
  readonly code: ErrorCode;

  constructor(code: ErrorCode) {
    if (!(code in TEXTS)) throw new TypeError(`no error code of Triện: ${code}`);
    this.code = code;
  }
}

/** The numbers of errors do not matter to a page; the codes do. */
const NUMBER = -32000;

/** What the daemon says that trying again helps with, when it knows no more than the code. */
const AGAIN: readonly ErrorCode[] = [
  "busy", "rate_limited", "timed_out", "token_removed", "token_busy", "module_hung", "module_crashed",
  "bad_signature_from_token", "reader_service_stopped",
];

/** With the texts that the person would read; the detail says that it was the mock. */
export function errorObject(code: ErrorCode, why?: string): ErrorObject {
  const texts = TEXTS[code] as (typeof TEXTS)[ErrorCode] | undefined;
  if (texts === undefined) throw new TypeError(`no error code of Triện: ${code}`);
  const [vi, viRemedy, en, enRemedy] = texts;
  const detail = why === undefined ? "by the mock of Triện" : `by the mock of Triện: ${why}`;
  const data = { code, message: { vi, en }, remedy: { vi: viRemedy, en: enRemedy }, retry: AGAIN.includes(code), detail };
  return { code: NUMBER, message: en, data };
}
