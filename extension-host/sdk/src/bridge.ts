/**
 * What a page and the extension's content script say to each other by `window.postMessage`. Both ends are built
 * from this file. Nothing in it is trusted by the extension: origin and extension id never come from a page.
 */

/** Raised when an older extension could misunderstand a newer page. */
export const BRIDGE_VERSION = 1;

/** Marks our messages among all that pass through a window. */
export const MARK = "trien";

/** Longest text of one message in either direction, in UTF-16 code units and in UTF-8 bytes. */
export const MAX_TEXT = 1024 * 1024;

/** Sessions a page may have open at once. */
export const MAX_SESSIONS = 4;

/**
 * From the page. `session` is a name the page makes up; it has a meaning in this window only. `quiet` says that the page
 * only comes back: if it has lost its permission meanwhile, the person is not to be asked for a new one.
 */
export type FromPage =
  | { [MARK]: "ping" }
  | { [MARK]: "open"; session: string; quiet?: boolean }
  | { [MARK]: "send"; session: string; text: string }
  | { [MARK]: "close"; session: string };

/** From the content script. `sessions` are those that this page has open, where the extension is new enough to say. */
export type FromExtension =
  | { [MARK]: "pong"; bridge: number; version: string; sessions?: readonly string[] }
  | { [MARK]: "message"; session: string; message: unknown }
  | { [MARK]: "closed"; session: string; reason: CloseReason };

/** Why a session ended, or never came about. */
export type CloseReason =
  /** No host manifest: the program is not installed. */
  | "host_missing"
  /** The host manifest or a policy does not let this extension start the host. */
  | "host_forbidden"
  /** The host could not be talked to. */
  | "host_failed"
  /** The host ended: its daemon closed the connection. */
  | "host_exited"
  /** The host found no daemon. */
  | "daemon_not_running"
  /** The host found a socket that may be somebody else's. */
  | "daemon_untrusted"
  /** The browser does not say which site this page belongs to, or the site is none that may ask. */
  | "origin_refused"
  /** Too many messages in too short a time, or the site has as many hosts as it may. */
  | "too_many"
  /** This page has as many sessions open as it may: {@link MAX_SESSIONS}. */
  | "too_many_sessions"
  /** A message too large, or not JSON. */
  | "bad_message"
  /** The browser stopped the extension's background; the next session starts it again. */
  | "extension_stopped"
  /** The extension was updated or switched off. */
  | "extension_gone";

/** Reads a message of the page, or anything else that passes through its window. */
export function readFromPage(data: unknown): FromPage | undefined {
  const message = record(data);
  const kind = message?.[MARK];
  if (message === undefined) return undefined;
  if (kind === "ping") return { [MARK]: "ping" };
  const { session, text } = message;
  if (typeof session !== "string" || session.length === 0 || session.length > 64) return undefined;
  if (kind === "open") return { [MARK]: "open", session, quiet: message["quiet"] === true };
  if (kind === "close") return { [MARK]: "close", session };
  if (kind === "send" && typeof text === "string") return { [MARK]: "send", session, text };
  return undefined;
}

/** Reads a message of the content script. */
export function readFromExtension(data: unknown): FromExtension | undefined {
  const message = record(data);
  if (message === undefined) return undefined;
  const { [MARK]: kind, session, bridge, version, reason } = message;
  if (kind === "pong" && typeof bridge === "number" && typeof version === "string") {
    const { sessions } = message;
    return { [MARK]: kind, bridge, version, ...(Array.isArray(sessions) ? { sessions } : {}) };
  }
  if (typeof session !== "string") return undefined;
  if (kind === "message") return { [MARK]: kind, session, message: message.message };
  if (kind === "closed" && typeof reason === "string") {
    return { [MARK]: kind, session, reason: reason as CloseReason };
  }
  return undefined;
}

function record(data: unknown): Record<string, unknown> | undefined {
  return typeof data === "object" && data !== null ? (data as Record<string, unknown>) : undefined;
}
