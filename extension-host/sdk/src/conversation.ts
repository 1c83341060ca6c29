/** JSON-RPC 2.0 over a road: every request gets one reply, or the road's end instead of it. */

import { fromBase64, toBase64 } from "./encoding.ts";
import { TrienError } from "./error.ts";
import type { ErrorObject, Progress, Raised } from "./protocol.ts";
import type { Road } from "./road.ts";

/** What one request may have beside its parameters. */
export interface RequestOptions {
  /** Ends the request: the daemon is told, and answers `cancelled`. */
  signal?: AbortSignal | undefined;
  /** How far the daemon has come. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** After the reply, while the road lasts: a document of it has the level that it waited for. */
  onRaised?: ((raised: Raised) => void) | undefined;
  /** Document bytes: beside the message where the road can, else in its field `data`. */
  bytes?: Uint8Array;
}

interface Pending {
  resolve(reply: { result: unknown; bytes: Uint8Array<ArrayBuffer> | undefined }): void;
  reject(error: TrienError): void;
  onProgress: RequestOptions["onProgress"];
}

interface Incoming {
  id?: number | null;
  result?: unknown;
  error?: ErrorObject;
  method?: string;
  params?: unknown;
}

export class Conversation {
  readonly #road: Road;
  readonly #pending = new Map<number, Pending>();
  /** Who waits for a level, by request, and how many documents of its reply do. */
  readonly #waiting = new Map<number, { hear: (raised: Raised) => void; left: number }>();
  readonly #explain: (reason: string) => TrienError;
  /** Hears that the person is asked whether this origin may ask at all; until then `hello` has no reply. */
  onAsking: () => void = () => {};
  /** Hears once why the conversation has ended. */
  onEnd: (error: TrienError) => void = () => {};
  #last = 0;
  #ended: TrienError | undefined;

  constructor(road: Road, explain: (reason: string) => TrienError) {
    this.#road = road;
    this.#explain = explain;
    road.onMessage = (message, bytes) => this.#hear(message, bytes);
    road.onClose = (reason) => this.#end(this.#explain(reason));
  }

  get road(): Road["name"] {
    return this.#road.name;
  }

  /** Why the road has ended, if it has. */
  get ended(): TrienError | undefined {
    return this.#ended;
  }

  /** Sends a request and waits for its reply. Throws {@link TrienError}. */
  async request<Result>(method: string, params: object, options: RequestOptions = {}) {
    const { signal, bytes } = options;
    if (this.#ended !== undefined) throw this.#ended;
    if (signal?.aborted) throw TrienError.local("cancelled");
    const id = ++this.#last;
    const cancel = () => this.#send(++this.#last, "cancel", { request: id });
    const reply = new Promise<{ result: unknown; bytes: Uint8Array<ArrayBuffer> | undefined }>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onProgress: options.onProgress });
    });
    signal?.addEventListener("abort", cancel, { once: true });
    if (options.onRaised !== undefined) this.#waiting.set(id, { hear: options.onRaised, left: 0 });
    try {
      this.#send(id, method, params, bytes);
      const { result, bytes: received } = await reply;
      return { result: result as Result, bytes: received ?? inline(result) };
    } catch (error) {
      this.#waiting.delete(id);
      throw error;
    } finally {
      this.#pending.delete(id);
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Ends the road; what is still open fails with `closed`. */
  close(): void {
    if (this.#ended !== undefined) return;
    this.#end(TrienError.local("closed", "by the page"));
    this.#road.close();
  }

  #send(id: number, method: string, params: object, bytes?: Uint8Array): void {
    const beside = this.#road.binary ? bytes : undefined;
    const inside = bytes !== undefined && beside === undefined ? { ...params, data: toBase64(bytes) } : params;
    this.#road.send({ jsonrpc: "2.0", id, method, params: inside }, beside);
  }

  #hear(message: unknown, bytes: Uint8Array<ArrayBuffer> | undefined): void {
    if (typeof message !== "object" || message === null) return;
    const { id, result, error, method, params } = message as Incoming;
    if (method === "permission") {
      this.onAsking();
    } else if (method === "progress") {
      const progress = params as Progress;
      this.#pending.get(progress?.request)?.onProgress?.(progress);
    } else if (method === "raised") {
      const raised = params as Raised;
      const waiting = this.#waiting.get(raised?.request);
      if (waiting === undefined) return;
      this.#waitFor(raised.request, waiting.left - 1);
      waiting.hear(raised);
    } else if (error !== undefined && typeof id !== "number") {
      // Not about one request: the daemon will not talk to this page, and says why.
      this.#end(TrienError.fromReply(error));
      this.#road.close();
    } else if (typeof id === "number" && error !== undefined) {
      this.#pending.get(id)?.reject(TrienError.fromReply(error));
    } else if (typeof id === "number") {
      const documents = (result as { documents?: { waiting?: boolean }[] } | null)?.documents;
      this.#waitFor(id, documents?.filter?.(({ waiting }) => waiting).length ?? 0);
      this.#pending.get(id)?.resolve({ result, bytes });
    }
  }

  /** Of nothing that is to come nobody is kept, nor what he holds. */
  #waitFor(request: number, left: number): void {
    const waiting = this.#waiting.get(request);
    if (left > 0 && waiting !== undefined) waiting.left = left;
    else this.#waiting.delete(request);
  }

  #end(error: TrienError): void {
    if (this.#ended === undefined) {
      this.#ended = error;
      this.onEnd(error);
    }
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#waiting.clear();
  }
}

/** Bytes that came inside the message. */
function inline(result: unknown): Uint8Array<ArrayBuffer> | undefined {
  const data = (result as { data?: unknown } | null)?.data;
  return typeof data === "string" ? fromBase64(data) : undefined;
}
