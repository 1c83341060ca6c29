/** The first road: the extension's content script in this window, which leads through native messaging. */

import { BRIDGE_VERSION, MARK, MAX_TEXT, readFromExtension } from "./bridge.ts";
import type { CloseReason, FromPage } from "./bridge.ts";
import { TrienError } from "./error.ts";
import type { Attempt, Road } from "./road.ts";
import { bounded } from "./road.ts";

/** How often to ask again: the content script may arrive after the page's own code. */
const PING_MS = 50;

/**
 * How often an open session is looked after while a reply is due, in milliseconds. Firefox ends the content script with the
 * extension when that is updated or switched off, before it can say so; then nobody would ever answer.
 */
const LOOK_AFTER_MS = 2000;

/** After so many looks without an answer nobody is there; a page that stood still for a while answers none at first. */
const UNANSWERED = 4;

/** Opens a session, if there is an extension that answers within the attempt. With `quiet`, the person is asked nothing. */
export async function openExtension(attempt: Attempt, quiet: boolean): Promise<ExtensionRoad | undefined> {
  const bridge = await findExtension(attempt);
  if (bridge === undefined) return undefined;
  if (bridge !== BRIDGE_VERSION) throw TrienError.local("outdated", `the extension speaks version ${bridge}`);
  return new ExtensionRoad(quiet);
}

/** The version an extension in this window answers with. */
async function findExtension(attempt: Attempt): Promise<number | undefined> {
  let stop = () => {};
  const answer = new Promise<number>((resolve) => {
    const listener = (event: MessageEvent) => {
      const message = ours(event);
      if (message?.[MARK] === "pong") resolve(message.bridge);
    };
    window.addEventListener("message", listener);
    const timer = setInterval(() => post({ [MARK]: "ping" }), PING_MS);
    stop = () => {
      clearInterval(timer);
      window.removeEventListener("message", listener);
    };
    post({ [MARK]: "ping" });
  });
  return bounded(answer, attempt).finally(() => stop());
}

class ExtensionRoad implements Road {
  readonly name = "extension";
  readonly binary = false;
  onMessage: Road["onMessage"] = () => {};
  onClose: Road["onClose"] = () => {};
  readonly #session = crypto.randomUUID();
  /** Requests without a reply. */
  readonly #due = new Set<unknown>();
  /** Whether anything has come on this session: from then on the extension knows it. */
  #known = false;
  #unanswered = 0;
  #looking: ReturnType<typeof setInterval> | undefined;

  constructor(quiet: boolean) {
    window.addEventListener("message", this.#hear);
    post({ [MARK]: "open", session: this.#session, quiet });
  }

  send(message: object): void {
    const text = JSON.stringify(message);
    if (text.length > MAX_TEXT) throw TrienError.local("too_large", `a message of ${text.length} characters`);
    post({ [MARK]: "send", session: this.#session, text });
    this.#due.add((message as { id?: unknown }).id);
    this.#looking ??= setInterval(this.#look, LOOK_AFTER_MS);
  }

  close(): void {
    this.#rest();
    window.removeEventListener("message", this.#hear);
    post({ [MARK]: "close", session: this.#session });
  }

  readonly #hear = (event: MessageEvent) => {
    const message = ours(event);
    if (message === undefined) return;
    if (message[MARK] === "pong") {
      this.#unanswered = 0;
      // Another content script than the one that had it: that of the extension as it is now.
      if (this.#known && message.sessions?.includes(this.#session) === false) this.#end("extension_gone");
      return;
    }
    if (message.session !== this.#session) return;
    if (message[MARK] === "message") {
      this.#known = true;
      this.#due.delete((message.message as { id?: unknown } | null)?.id);
      this.onMessage(message.message);
    } else {
      this.#end(message.reason);
    }
  };

  readonly #look = () => {
    if (this.#due.size === 0) return this.#rest();
    if (this.#unanswered >= UNANSWERED) return this.#end("extension_gone");
    this.#unanswered += 1;
    post({ [MARK]: "ping" });
  };

  #rest(): void {
    clearInterval(this.#looking);
    this.#looking = undefined;
    this.#unanswered = 0;
  }

  #end(reason: string): void {
    this.#rest();
    window.removeEventListener("message", this.#hear);
    this.onClose(reason);
  }
}

/** What a session's end means for the person. */
export function explainEnd(reason: string): TrienError {
  const known = reason as CloseReason;
  switch (known) {
    case "host_missing":
      return TrienError.local("not_installed", known);
    case "daemon_not_running":
    case "daemon_untrusted":
      return TrienError.local("not_running", known);
    case "host_forbidden":
    case "origin_refused":
      return TrienError.local("blocked_by_browser", known);
    case "bad_message":
      return TrienError.local("internal", known);
    case "host_failed":
    case "host_exited":
    case "extension_stopped":
    case "extension_gone":
      return TrienError.local("closed", known);
    case "too_many":
      return TrienError.local("busy", known);
    case "too_many_sessions":
      return TrienError.crowded(known);
    default:
      known satisfies never;
      return TrienError.local("closed", reason);
  }
}

function ours(event: MessageEvent) {
  return event.source === window ? readFromExtension(event.data) : undefined;
}

function post(message: FromPage): void {
  window.postMessage(message, window.location.origin);
}
