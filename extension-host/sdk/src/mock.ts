/**
 * `@trien/sdk/mock`: plays the extension, the daemon and the person in a window, for a portal's own tests. The page's
 * code stays as it is: `Trien.connect()` finds the mock as it would find the extension. It signs nothing: a "signed"
 * document is the document with a line appended, which no verifier takes for signed. While it plays, no WebSocket to a
 * daemon opens: a test never reaches the Triện of the computer it runs on.
 *
 *     const mock = playTrien({ decide: ({ method }) => (method === "sign_documents" ? "approve" : "cancelled") });
 *     … the page does what it does …
 *     assert.equal(mock.heard.at(-1).method, "sign_documents");
 *     mock.close();
 */

import { BRIDGE_VERSION, MARK, readFromPage } from "./bridge.ts";
import type { CloseReason, FromExtension } from "./bridge.ts";
import { Authorities } from "./mock/authorities.ts";
import { Recall } from "./mock/recall.ts";
import { MockSession } from "./mock/session.ts";
import type { Certificate, ErrorCode } from "./protocol.ts";
import { SUBPROTOCOL } from "./protocol.ts";

/** What the page asks of the person. */
export interface MockQuestion {
  method: "certificates" | "authenticate" | "sign_digest" | "sign_digests" | "sign_documents";
  params: Record<string, unknown>;
}

export interface MockOptions {
  /** What the person, or the token, says: `approve`, or the error that the page gets. `approve` if absent. */
  decide?: (question: MockQuestion) => "approve" | ErrorCode | Promise<"approve" | ErrorCode>;
  /** What becomes of one item of a batch, counted from 0: `signed`, or the error that this item has. `signed` if absent. */
  item?: (question: MockQuestion, index: number) => "signed" | ErrorCode;
  /** Before which item of a batch, counted from 0, the token is pulled; the page hears `paused`, and then that it goes on. */
  pulledAt?: number;
  /** Instead of a connection: why there is none, for instance `daemon_not_running`. */
  refuse?: CloseReason;
  /** What the origin may ask for; everything if absent. */
  scopes?: string[];
  /** Fields of the certificate that the person picks. */
  certificate?: Partial<Certificate>;
  /**
   * What the time-stamp authorities do where a page asks for a `level`: they `answer`, also if this is absent, or are `silent`
   * until {@link Mock.raise}.
   */
  authorities?: "answer" | "silent";
}

/** A mock that plays. */
export interface Mock {
  /** Every request of the page, in order, without document bytes. */
  readonly heard: readonly { method: string; params: Record<string, unknown> }[];
  /** Ends open sessions as if the browser had stopped the extension; the page's next try finds the mock again. */
  lose(): void;
  /** The authorities answer from now on: what waits for its level has it, and the page hears of it. */
  raise(): Promise<void>;
  /** Stops to play; open sessions end as if the daemon had ended. */
  close(): void;
}

/** Starts to play in this window. */
export function playTrien(options: MockOptions = {}): Mock {
  const heard: { method: string; params: Record<string, unknown> }[] = [];
  const sessions = new Map<string, MockSession>();
  const [recall, authorities] = [new Recall(), new Authorities(options.authorities === "silent")];
  const listen = (event: MessageEvent) => {
    const message = event.source === window ? readFromPage(event.data) : undefined;
    if (message === undefined) return;
    if (message[MARK] === "ping") return post({ [MARK]: "pong", bridge: BRIDGE_VERSION, version: "0.0.0-mock" });
    const { session } = message;
    if (message[MARK] === "open" && options.refuse !== undefined) {
      post({ [MARK]: "closed", session, reason: options.refuse });
    } else if (message[MARK] === "open") {
      sessions.set(session, new MockSession(options, recall, authorities, (reply) => post({ [MARK]: "message", session, message: reply })));
    } else if (message[MARK] === "send") {
      const { id, method, params } = JSON.parse(message.text) as { id: number; method: string; params: Record<string, unknown> };
      const { data: _, ...told } = params;
      heard.push({ method, params: told });
      void sessions.get(session)?.hear(id, method, params);
    } else {
      sessions.get(session)?.leave();
      sessions.delete(session);
    }
  };
  window.addEventListener("message", listen);
  const letThrough = keepFromDaemon();
  const end = (reason: CloseReason) => {
    for (const [name, session] of sessions) {
      session.leave();
      post({ [MARK]: "closed", session: name, reason });
    }
    sessions.clear();
  };
  return {
    heard,
    lose: () => end("extension_stopped"),
    raise: () => authorities.answer(),
    close: () => {
      window.removeEventListener("message", listen);
      letThrough();
      end("host_exited");
    },
  };
}

/** Sockets to a daemon fail from now on, as where nobody listens, until what comes back is called. */
function keepFromDaemon(): () => void {
  const real = globalThis.WebSocket;
  const kept = new Proxy(real, {
    construct(target, words: [string | URL, (string | string[])?]) {
      if (![words[1]].flat().includes(SUBPROTOCOL)) return new target(...words);
      const socket = Object.assign(new EventTarget(), { close: () => {} });
      setTimeout(() => socket.dispatchEvent(new Event("close")));
      return socket;
    },
  });
  globalThis.WebSocket = kept;
  return () => {
    if (globalThis.WebSocket === kept) globalThis.WebSocket = real;
  };
}

function post(message: FromExtension): void {
  window.postMessage(message, window.location.origin);
}
