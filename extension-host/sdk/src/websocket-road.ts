/** The second road: a WebSocket to the loopback address. */

import { TrienError } from "./error.ts";
import { joinBinary, splitBinary } from "./frame.ts";
import { SUBPROTOCOL, WEBSOCKET_PATH } from "./protocol.ts";
import type { Attempt, Road } from "./road.ts";
import { bounded } from "./road.ts";
import type { Refusal } from "./diagnosis.ts";
import { foresee, isFramedElsewhere, obstacleOf } from "./diagnosis.ts";

/**
 * Connects to 127.0.0.1. The literal address, because looking up "localhost" costs time and may go astray. In a frame of another
 * site's page only if that is wanted (`framed`).
 *
 * Throws `blocked_by_browser`, or `not_installed` when nobody listens: from a page the two cases "not installed" and
 * "not running" look the same.
 */
export async function openWebSocket(port: number, framed: boolean, attempt: Attempt): Promise<WebSocketRoad> {
  if (!framed && isFramedElsewhere()) throw TrienError.blocked("frame", "framed");
  const foreseen = await foresee();
  attempt.signal?.throwIfAborted();
  if (foreseen !== undefined) throw TrienError.blocked(foreseen, foreseen);
  const url = `ws://127.0.0.1:${port}${WEBSOCKET_PATH}`;
  const outcome = await dial(url, attempt);
  if (outcome instanceof WebSocket) return new WebSocketRoad(outcome);
  const obstacle = await obstacleOf(outcome);
  if (obstacle !== undefined) throw TrienError.blocked(obstacle, outcome);
  throw TrienError.local("not_installed", `${url}: ${outcome}`);
}

/**
 * A socket that is closed so late, in milliseconds, was not refused by an empty port, which takes none: Firefox gives up
 * after 20 s when nobody answers its question.
 */
const GIVEN_UP_MS = 15_000;

/** A socket that is open, or how it failed. */
async function dial(url: string, attempt: Attempt): Promise<WebSocket | Refusal> {
  let socket: WebSocket | undefined;
  let forget = () => {};
  const settled = new Promise<WebSocket | Refusal>((resolve) => {
    // A blocked socket may never fire `close`, so the violation is an answer of its own.
    const violation = (event: SecurityPolicyViolationEvent) => {
      if (event.blockedURI.startsWith(new URL(url).origin)) resolve("content_security_policy");
    };
    document.addEventListener("securitypolicyviolation", violation);
    forget = () => document.removeEventListener("securitypolicyviolation", violation);
    try {
      socket = new WebSocket(url, SUBPROTOCOL);
    } catch {
      return resolve("constructor_refused");
    }
    const opened = socket;
    const began = performance.now();
    opened.binaryType = "arraybuffer";
    opened.addEventListener("open", () => resolve(opened), { once: true });
    const closed = () => resolve(performance.now() - began < GIVEN_UP_MS ? "refused" : "no_answer");
    opened.addEventListener("close", closed, { once: true });
  });
  try {
    const outcome = (await bounded(settled, attempt)) ?? "no_answer";
    if (!(outcome instanceof WebSocket)) socket?.close();
    return outcome;
  } catch (aborted) {
    socket?.close();
    throw aborted;
  } finally {
    forget();
  }
}

/** RFC 6455, 7.4.1: the daemon ends, or the page is left. */
const GOING_AWAY = 1001;

/**
 * Firefox closes the sockets of a page that is left before the page hears that it is. Whoever connected anew at once would put
 * the question to the person once more, and take it away in the next moment.
 */
const LEAVING_MS = 500;

class WebSocketRoad implements Road {
  readonly name = "websocket";
  readonly binary = true;
  onMessage: Road["onMessage"] = () => {};
  onClose: Road["onClose"] = () => {};
  readonly #socket: WebSocket;
  #ended = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", (event) => this.#hear(event.data));
    socket.addEventListener("close", ({ code }) => {
      const end = () => this.#end(`code ${code}`);
      if (code === GOING_AWAY) setTimeout(end, LEAVING_MS);
      else end();
    });
    window.addEventListener("pagehide", this.#leave);
  }

  send(message: object, bytes?: Uint8Array): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(bytes === undefined ? JSON.stringify(message) : joinBinary(message, bytes));
  }

  close(): void {
    this.#ended = true;
    window.removeEventListener("pagehide", this.#leave);
    this.#socket.close(1000);
  }

  /**
   * A page that the browser keeps for the way back would keep its socket, and the person a window of a page that is gone.
   * Whoever waits hears of it when the page is shown again: what it would do now the page is too late for.
   */
  readonly #leave = () => {
    this.close();
    window.addEventListener("pageshow", () => this.onClose("the page was left"), { once: true });
  };

  #hear(data: string | ArrayBuffer): void {
    const heard = typeof data === "string" ? parse(data) : splitBinary(data);
    if (heard === undefined) {
      this.#socket.close(4000);
      this.#end("a frame that makes no sense");
    } else {
      this.onMessage(heard.message, heard.bytes);
    }
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    window.removeEventListener("pagehide", this.#leave);
    this.onClose(reason);
  }
}

function parse(text: string): { message: unknown; bytes?: Uint8Array<ArrayBuffer> } | undefined {
  try {
    return { message: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
