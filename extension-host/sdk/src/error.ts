import type { Obstacle } from "./diagnosis.ts";
import { crowded, messages, remedies } from "./messages.ts";
import type { Bilingual, ErrorCode, ErrorObject } from "./protocol.ts";

/** Why there is no connection to the daemon. */
export type ConnectionCode = "not_installed" | "not_running" | "outdated" | "blocked_by_browser" | "closed";

/** Every code a {@link TrienError} can have. */
export type TrienErrorCode = ConnectionCode | ErrorCode;

/** The one error of this library: a stable code for programs, texts in both languages for people. */
export class TrienError extends Error {
  override readonly name = "TrienError";

  constructor(
    /** Stable; never changes its meaning. */
    readonly code: TrienErrorCode,
    /** What happened. */
    readonly text: Bilingual,
    /** What to do about it. */
    readonly remedy: Bilingual,
    /** For the developer's console. */
    readonly detail?: string,
    /** Whether the same request may succeed if it is simply made again. */
    readonly retry = false,
  ) {
    super(detail === undefined ? `${code}: ${text.en}` : `${code}: ${text.en} (${detail})`);
  }

  /** An error that arose on this side. */
  static local(code: keyof typeof messages, detail?: string): TrienError {
    const { message, remedy } = messages[code];
    return new TrienError(code, message, remedy, detail, ["closed", "timed_out", "busy"].includes(code));
  }

  /** The browser stands in between; what to do depends on how. */
  static blocked(obstacle: Obstacle, detail: string): TrienError {
    return new TrienError("blocked_by_browser", messages.blocked_by_browser.message, remedies[obstacle], detail);
  }

  /** This page has as many sessions of the extension as it may. */
  static crowded(detail: string): TrienError {
    return new TrienError("busy", crowded.message, crowded.remedy, detail);
  }

  /** An error that the daemon reported. */
  static fromReply(error: ErrorObject): TrienError {
    const data = error?.data;
    if (typeof data?.code !== "string" || !isBilingual(data.message) || !isBilingual(data.remedy)) {
      return TrienError.local("internal", "an error reply without texts");
    }
    if (data.code === "version_mismatch") {
      return new TrienError("outdated", data.message, data.remedy, data.detail);
    }
    return new TrienError(data.code, data.message, data.remedy, data.detail, data.retry === true);
  }
}

function isBilingual(value: unknown): value is Bilingual {
  const text = value as Partial<Bilingual> | null | undefined;
  return typeof text?.vi === "string" && typeof text.en === "string";
}
